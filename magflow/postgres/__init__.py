"""PostgreSQL as MagFlow needs it: the embedded server, roles and grants, migrations, backup and restore.

Only the command line and the application factory look in here; everything else is given a database address.
"""
