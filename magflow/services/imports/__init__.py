"""Files into the catalogue: stored, read, checked as a whole, applied in chunks of whole products.

    files.py       the stored file: kept under a name of our own, opened with the dialect that was found
    commands.py    an import is registered, cancelled, resumed, run after its dry run; feeds' records one by one
    runner.py      the life of a run, from the file to the report; what a worker and the command line call
    preparing.py   file -> import_stage: read and checked row by row, refused rows noted
    checking.py    what only the whole file shows: products in two places, the same key twice; the plan of chunks
    matching.py    which product and which variant a row is, and what would change
    variants.py    a chunk of variants: lock, decide again, write
    writing*.py    the statements that do it: variants; products with their options
    stock.py       a chunk of stock; since.py: what moved since its figures were taken
    offers.py      a chunk of offers
    orders.py      a chunk of orders, each put together from its rows
    outcomes.py    what became of each row
    undo*.py       the way back

A chunk is one transaction: it takes advisory names first, then products, then variants, each in ascending order, and
decides again under the locks what a look without locks had shown. A dry run is the same, rolled back. Rows that change
nothing are found without a lock and without writing anything.
"""
