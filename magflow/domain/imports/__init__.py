"""Files that people made: what they are, what each row says, and what is wrong with it. Plain Python, no database.

dialect.py    bytes -> encoding and delimiter
records.py    text -> records with their line numbers, whatever the quotes do
layouts.py    the header -> whose format it is and which column means what
cells.py      one cell -> one value, or the reason why not
variants.py   a record -> a row of the variants import; products and their options across rows
stock.py      a record -> a row of the stock import
offers.py     a record -> a row of the offers import
orders.py     a record -> a line of an order
staging.py    rows on their way to the database, in the form that COPY takes
writing.py    the way out: cells that are safe to open in a spreadsheet
"""
