"""What a process is told when it starts: the ways out, the key of its links, the shop's clock and address."""

from magflow.services import shared_documents
from magflow.services.automation import rules
from magflow.services.notifications import channels, recipients, sending
from magflow.services.notifications.channels import Channels
from magflow.settings import Settings


def configure(settings: Settings) -> None:
    """For the application and for the worker."""
    channels.configure(
        Channels(
            settings.smtp_url, settings.sms_url, settings.sms_token, settings.sms_body, tuple(settings.outgoing_allow)
        )
    )
    recipients.configure(settings.secret_key)
    shared_documents.configure(settings.secret_key)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    sending.configure(f"http://{'127.0.0.1' if host in {'0.0.0.0', '[::]'} else host}:{settings.port}")  # noqa: S104
    rules.configure(settings.timezone)
