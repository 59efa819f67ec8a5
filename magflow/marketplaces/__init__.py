"""Marketplaces as MagFlow sees them: what an adapter can do, and the wire under it.

An adapter speaks one marketplace's language and knows nothing of the database. `protocol`: what all of them offer and
how they are found. `transport`: one request, paced, logged, and repeated only where that is safe. `emag`: the first.
"""
