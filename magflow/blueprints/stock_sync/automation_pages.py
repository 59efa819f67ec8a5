"""The page of automation: a rule an account, switched and limited, and the log of what was done by itself."""

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import automation_words, words
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.automation import DAILY_MAX, LARGEST_FLOOR, LARGEST_MAX, MODES, OUTCOMES, RULES
from magflow.domain.errors import NotFound
from magflow.queries import automation as reads
from magflow.queries import stock_sync
from magflow.services.automation import rules
from magflow.services.automation.rules import ChangeRule, OfRule
from magflow.web import border
from magflow.web.forms import Form, Landing, act, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _
from magflow.web.permissions import requires

blueprint = Blueprint("automation", __name__)


class LogQuery(border.Query):
    view = border.OneOf(OUTCOMES)
    account = border.Text(most=70)
    rule = border.OneOf(RULES)
    q = border.Text(most=120)


class RuleForm(border.Query):
    """A field's name says which rule it belongs to; here it is one of them."""

    mode = border.OneOf(MODES, required=True)
    daily_max = border.Integer(least=1, most=max(LARGEST_MAX.values()), required=True)
    floor = border.Integer(least=0, most=LARGEST_FLOOR)


@blueprint.app_context_processor
def said() -> dict[str, Any]:
    """The words of automation, for its templates and for Home."""
    return {"automation_words": automation_words}


@blueprint.get("/stock-sync/automation")
@requires("stock:read")
def index() -> str:
    """Every rule of every account, and the log."""
    return _page(Form())


def _page(form: Form) -> str:
    session = db.session()
    listing = Listing(LogQuery())
    accounts = stock_sync.accounts(session)
    account = next((one for one in accounts if one.label == listing["account"]), None)
    wanted = reads.LogFilter(
        account_id=account.id if account else None,
        rule=listing["rule"],
        outcome=listing["view"],
        sku=listing["q"],
    )
    page = reads.log(session, wanted, after=listing.after_id, limit=PAGE)
    chips = listing.chip("account", _("Account"), account.name if account else None)
    return show(
        "stock_sync/automation.html",
        area_tabs=words.tabs("automation"),
        rules=reads.rules(session, rules.shop_day(session)),
        accounts=accounts,
        defaults=DAILY_MAX,
        listing=listing,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        views=[
            listing.tab(_("All"), ""),
            *(listing.tab(label, outcome) for outcome, label in automation_words.OUTCOME_WORDS.items()),
        ],
        chips=[*chips, *listing.chip("rule", _("Rule"), automation_words.RULE_WORDS.get(listing["rule"] or ""))],
        form=form,
    )


@blueprint.post("/stock-sync/automation/<int:account_id>/<rule>")
@requires("admin")
def save(account_id: int, rule: str) -> ResponseReturnValue:
    """Switch a rule and set its limits."""
    form = Form.sent(RuleForm(), name=f"{account_id}-{rule}")
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            command = ChangeRule(account_id, rule, form["mode"], form["daily_max"], form["floor"])
            rules.change.within(session, command, actor=actor)
            return Landing(f"{url_for('automation.index')}#rule-{account_id}-{rule}", _("Saved."))

        if (answer := form.once(work)) is not None:
            return answer
    return _page(form), form.status


@blueprint.post("/stock-sync/automation/<int:account_id>/<rule>/<what>")
@requires("admin")
def decide(account_id: int, rule: str, what: str) -> ResponseReturnValue:
    """Pause a rule, let it go on, or have it run now."""
    if what not in {"pause", "resume", "run"}:
        raise NotFound("page", what)
    command = OfRule(account_id, rule)
    back = request.form.get("back", "")
    back = back if back == "/" else url_for("automation.index")

    def work(session: Session, actor: Actor) -> Landing:
        if what == "run":
            rules.ask.within(session, command, actor=actor)
            return Landing(back, _("It runs now. The log shows what it did."))
        if what == "pause":
            rules.pause.within(session, command, actor=actor)
            return Landing(back, _("Paused."))
        rules.resume.within(session, command, actor=actor)
        return Landing(back, _("It goes on."))

    return act(work, back)
