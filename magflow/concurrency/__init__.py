"""The whole concurrency policy: transactions, locks and their order, bounded waits, retries, and what errors mean.

Nothing outside of this package begins, commits, rolls back, locks or retries (domain, section 4; a test looks). The
rules and the measurements behind them are in `docs/reliability.md`:

* READ COMMITTED and explicit row locks, always taken in one order (`Level`), ascending by id inside a level.
* A lock is taken first; what it protects is read by the next statement.
* Whoever changes rows locks them `FOR NO KEY UPDATE`, so that foreign keys of others do not wait.
* A unit of work that met a deadlock runs again from its beginning, in a new transaction. It therefore changes
  nothing but the database, and keeps no object from the first run.

`transactions`: units of work. `statements`: several of them in one round trip. `levels`: the order of locks. `locks`:
every lock by its name. `server_errors`: what an error of the server means.
"""

from magflow.concurrency.levels import Held, Level, LockOrderBroken
from magflow.concurrency.locks import (
    advisory_key,
    claim_events,
    claim_import_chunk,
    lock_bulk_edit,
    lock_for_sale,
    lock_items,
    lock_names,
    lock_order,
    lock_orders_with_variant,
    lock_product,
    lock_products,
    lock_variant_rows,
    lock_variants,
    lock_variants_of_combination,
    lock_variants_of_product,
    refer_to_products_of,
    refer_to_variants,
    share_product,
)
from magflow.concurrency.server_errors import refusal, sqlstate
from magflow.concurrency.statements import Batch, Rows
from magflow.concurrency.transactions import (
    StartAgain,
    Transactional,
    batch,
    copy_in,
    copy_out,
    done_again_after_a_crash,
    execute,
    last_batch,
    run,
    savepoint,
    transactional,
)

__all__ = [
    "Batch", "Held", "Level", "LockOrderBroken", "Rows", "StartAgain", "Transactional", "advisory_key", "batch",
    "claim_events", "claim_import_chunk", "copy_in", "copy_out",
    "done_again_after_a_crash", "execute", "last_batch", "lock_bulk_edit",
    "lock_for_sale", "lock_items", "lock_names", "lock_order", "lock_orders_with_variant", "lock_product",
    "lock_products", "lock_variant_rows", "lock_variants", "lock_variants_of_combination", "lock_variants_of_product",
    "refer_to_products_of", "refer_to_variants", "refusal", "run", "savepoint", "share_product", "sqlstate",
    "transactional",
]  # fmt: skip
