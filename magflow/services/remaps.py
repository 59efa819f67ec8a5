"""Other option values for many variants: written, remembered as a bulk edit, and set back like one.

Setting back gives each variant the values that it held, and takes back what products were made to offer for it,
wherever nothing else has touched them since.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_products
from magflow.db import any_of
from magflow.domain.options import digest
from magflow.models import BulkEdit, OptionValue, OptionValueVariant, ProductOptionType, Variant, VariantStatus
from magflow.services import options, trouble_finder


class Move(NamedTuple):
    """A variant, the values that it holds, and those that it shall hold."""

    variant_id: int
    old: frozenset[int]
    new: frozenset[int]


TAKE: Final = """
DELETE FROM option_value_variants held
USING unnest(%(left)s::bigint[], %(right)s::bigint[]) AS old (variant_id, value_id)
WHERE held.variant_id = old.variant_id AND held.option_value_id = old.value_id"""

GIVE: Final = """
INSERT INTO option_value_variants (variant_id, option_value_id)
SELECT * FROM unnest(%(left)s::bigint[], %(right)s::bigint[]) ON CONFLICT DO NOTHING"""

# Only values of options that the product has count for the digest.
WRITE: Final = """
UPDATE variants v
SET options_digest = (
        SELECT string_agg(h.option_value_id::text, '-' ORDER BY h.option_value_id)
        FROM option_value_variants h JOIN option_values o ON o.id = h.option_value_id
        JOIN product_option_types t ON t.product_id = v.product_id AND t.option_type_id = o.option_type_id
        WHERE h.variant_id = v.id),
    version = version + 1, updated_at = clock_timestamp()
WHERE v.id = ANY(%(ids)s::bigint[])"""

TOUCH: Final = """
UPDATE products SET version = version + 1, updated_at = clock_timestamp() WHERE id = ANY(%(ids)s::bigint[])
RETURNING id, version"""

# Offered for the sake of the remedy alone: nobody has changed the product since, and who holds the value held it before
# it was offered.
WITHDRAW: Final = """
DELETE FROM product_option_values offered
USING unnest(%(left)s::bigint[], %(right)s::bigint[]) AS new (product_id, value_id),
      products p, jsonb_each_text(%(versions)s::jsonb) AS seen (id, version)
WHERE offered.product_id = new.product_id AND offered.option_value_id = new.value_id
  AND p.id = new.product_id AND seen.id = p.id::text AND seen.version = p.version::text
  AND NOT EXISTS (SELECT FROM option_value_variants h JOIN variants v ON v.id = h.variant_id
                  WHERE h.option_value_id = new.value_id AND v.product_id = new.product_id
                    AND v.id <> ALL (%(holders)s::bigint[]))
RETURNING offered.product_id"""

HOLDERS: Final = """
SELECT h.variant_id FROM unnest(%(left)s::bigint[], %(right)s::bigint[]) AS new (product_id, value_id)
JOIN variants v USING (product_id)
JOIN option_value_variants h ON h.variant_id = v.id AND h.option_value_id = new.value_id
ORDER BY h.variant_id"""


def columns(pairs: Iterable[tuple[int, int]]) -> dict[str, list[int]]:
    """Pairs as the two arrays that a statement takes."""
    sorted_pairs = sorted(pairs)
    return {"left": [pair[0] for pair in sorted_pairs], "right": [pair[1] for pair in sorted_pairs]}


def write(session: Session, moves: Sequence[Move]) -> None:
    """Give variants their new values and the digests that follow. They are locked, and their products too."""
    execute(session, TAKE, columns((m.variant_id, value) for m in moves for value in m.old - m.new))
    execute(session, GIVE, columns((m.variant_id, value) for m in moves for value in m.new - m.old))
    execute(session, WRITE, {"ids": [move.variant_id for move in moves]})


class Extension(NamedTuple):
    """Values that products offer for a remedy's sake; the products' versions from then on; who held them already."""

    offered: Collection[tuple[int, int]] = ()
    versions: Mapping[int, int] = MappingProxyType({})
    holders: Sequence[int] = ()


def extend(session: Session, offered: Collection[tuple[int, int]]) -> Extension:
    """Let products offer values, before any variant is given one."""
    if not offered:
        return Extension()
    holders = [id_ for (id_,) in execute(session, HOLDERS, columns(offered))]
    execute(session, options.OFFER, columns(offered))
    versions = dict(execute(session, TOUCH, {"ids": sorted({p for p, _value in offered})}).fetchall())
    return Extension(offered, versions, holders)


# --- remembered, and set back -----------------------------------------------------------------------------------------


def change(
    replace: Sequence[tuple[int, int]],
    give: Sequence[int],
    extension: Extension,
) -> dict[str, Any]:
    """What the record of a bulk edit says of it."""
    return {
        "field": "options",
        "action": "remap",
        "value": None,
        "rounding": "cent",
        "replace": [list(pair) for pair in replace],
        "give": list(give),
        "offered": [list(pair) for pair in sorted(extension.offered)],
        "versions": {str(id_): version for id_, version in extension.versions.items()},
        "holders": list(extension.holders),
    }


def is_one(edit: BulkEdit) -> bool:
    """Whether a bulk edit gave other option values."""
    return any(stored["field"] == "options" for stored in edit.changes)


def lock_products_of(session: Session, variant_ids: Sequence[int]) -> None:
    """The products of these variants, before the variants: nobody makes one of the combinations meanwhile."""
    lock_products(
        session, session.scalars(select(Variant.product_id).where(Variant.id == any_of(variant_ids)).distinct())
    )


def refusals(session: Session, back: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    """Which of these variants cannot get their old values again, each with a stable code. All of them are locked."""
    rows = {row.id: row for row in _rows(session, [*back])}
    old = {id_: frozenset(kept["options"]) for id_, kept in back.items()}
    named = sorted({value for values in old.values() for value in values})
    type_of: dict[int, int] = dict(
        session.execute(select(OptionValue.id, OptionValue.option_type_id).where(OptionValue.id == any_of(named))).all()
    )
    products = sorted({row.product_id for row in rows.values()})
    types: dict[int, set[int]] = {}
    for product_id, type_id in session.execute(
        select(ProductOptionType.product_id, ProductOptionType.option_type_id).where(
            ProductOptionType.product_id == any_of(products)
        )
    ):
        types.setdefault(product_id, set()).add(type_id)
    # Also those that are about to be left: nothing steps into another's place.
    taken = {
        (row.product_id, row.options_digest)
        for row in session.execute(
            select(Variant.product_id, Variant.options_digest).where(
                Variant.product_id == any_of(products), Variant.status == VariantStatus.ACTIVE
            )
        )
    }
    refused: dict[int, str] = {}
    for id_ in sorted(back):
        row = rows[id_]
        if any(value not in type_of for value in old[id_]):
            refused[id_] = "value_gone"
            continue
        made = digest({type_of[value]: value for value in old[id_]}, types.get(row.product_id, set()))
        if row.status != VariantStatus.ACTIVE or made == row.options_digest:
            continue
        if (row.product_id, made) in taken:
            refused[id_] = "combination_taken"
        taken.add((row.product_id, made))
    return refused


def _rows(session: Session, ids: Sequence[int]) -> Sequence[Any]:
    return session.execute(
        select(Variant.id, Variant.product_id, Variant.status, Variant.options_digest).where(Variant.id == any_of(ids))
    ).all()


def put_back(session: Session, edit: BulkEdit, back: Mapping[int, Mapping[str, Any]]) -> None:
    """Give variants the values that they held, and take back what products offered for the remedy's sake."""
    held: dict[int, set[int]] = {id_: set() for id_ in back}
    for variant_id, value_id in session.execute(
        select(OptionValueVariant.variant_id, OptionValueVariant.option_value_id).where(
            OptionValueVariant.variant_id == any_of([*back])
        )
    ):
        held[variant_id].add(value_id)
    write(session, [Move(id_, frozenset(held[id_]), frozenset(kept["options"])) for id_, kept in sorted(back.items())])
    [stored] = [stored for stored in edit.changes if stored["field"] == "options"]
    if offered := [(product, value) for product, value in stored["offered"]]:
        seen = {**columns(offered), "versions": json.dumps(stored["versions"]), "holders": stored["holders"]}
        if withdrawn := {id_ for (id_,) in execute(session, WITHDRAW, seen)}:
            execute(session, TOUCH, {"ids": sorted(withdrawn)})
    trouble_finder.look(session, {row.product_id for row in _rows(session, [*back])})
