"""`magflow parcels`: the weights, on the command line."""

import click
from flask.cli import with_appcontext

from magflow.db import db
from shop_parcels.weights import weights


@click.command()
@with_appcontext
def parcels() -> None:
    """Print the weight of every parcel."""
    for order_id, grams in weights(db.session()):
        click.echo(f"{order_id}\t{grams}")
