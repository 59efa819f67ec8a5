"""Many SKUs at once: each its analysis, or why there is none."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import answers
from magflow.domain.errors import NotFound, Refused
from magflow.queries import stock_sync as reads
from magflow.web.sentences import sentence, title_of


def analysed(session: Session, skus: Sequence[str]) -> list[dict[str, Any]]:
    """The results of these SKUs in their order, with the same few statements whatever their number."""
    meant = reads.variants_of(session, skus)
    found = reads.analysed(session, [ids[0] for ids in meant.values() if len(ids) == 1])
    results = []
    for sku in skus:
        ids = meant.get(sku, ())
        if len(ids) == 1 and ids[0] in found:
            one = found[ids[0]]
            told = {"analysis": answers.analysis_json(one), "amounts": answers.amounts_json(one)}
            results.append({"sku": sku, "status": "success", **told, "error": None})
        else:
            refused: Refused = reads.ambiguous(session, sku, ids) if ids else NotFound("variant", sku)
            error = {"code": refused.code, "title": title_of(refused.code), "detail": sentence(refused)}
            results.append({"sku": sku, "status": "error", "analysis": None, "amounts": None, "error": error})
    return results
