"""A marketplace to try MagFlow against, and a shop that shows every screen with life in it."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from magflow.cli.shared import open_application, open_database, say, typed_by
from magflow.settings import Settings

BEFORE_DEMO: Final = "before_demo.backup"
"""The empty shop with its people, in the home folder."""


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port of the API.")
@click.option("--control-port", type=click.IntRange(0, 65535), default=8766, show_default=True)
@click.option("--seed", type=int, help="Begin anew; another seed is another course of events.")
def simulator(port: int, control_port: int, seed: int | None) -> None:
    """A marketplace that behaves like eMAG's, until Ctrl-C: for the demo shop, and for trying things.

    In the home folder of a demo shop it goes on from where it stood. There, `magflow up` starts it too.
    """
    from magflow.settings import home_folder
    from magflow.simulator import keeping
    from magflow.simulator.catalogue import SEED
    from magflow.simulator.demo import world_of
    from magflow.simulator.process import serve

    file = home_folder(os.environ) / keeping.NAME
    place = keeping.Place(port, control_port)
    goes_on = seed is None and file.exists()
    try:
        world = keeping.read(file)[0] if goes_on else world_of(seed=SEED if seed is None else seed)
    except ValueError as error:
        raise click.ClickException(f"{error}; begin anew with: magflow simulator --seed {SEED}") from error
    try:
        serve(world, place, file if goes_on else None, say)
    except OSError as error:
        taken = f"the ports {port} and {control_port} cannot be used ({error.strerror})"
        raise click.ClickException(f"{taken}; name others: magflow simulator --port 0 --control-port 0") from error


@click.group()
def demo() -> None:
    """A shop that shows every screen with life in it."""


@demo.command("load")
@click.option("--port", type=click.IntRange(1, 65534), default=8765, show_default=True, help="Of the simulator.")
@click.pass_context
def load_demo(ctx: click.Context, port: int) -> None:
    """Fill an empty shop, and connect it to the simulator, which `magflow up` then starts beside it."""
    from magflow.postgres import migrate

    with open_database() as opened:
        migrate.upgrade(opened)
    with open_application(ctx).app_context():
        from magflow.simulator import keeping
        from magflow.simulator.demo import DemoLoaded, check_empty, load

        try:
            check_empty()
            _keep_before_demo()
            made = load(typed_by(), Settings.from_environment().home / keeping.NAME, port)
        except DemoLoaded as error:
            raise click.ClickException(str(error)) from error
    say(f"loaded: {made['products']} products, {made['offers']} offers, {made['orders']} orders; see EMG331")
    say(f"Start it with: magflow up (the simulated marketplace comes with it, on port {port})")
    say("Its figures begin empty; to give it a month of a past first: magflow demo play")


@demo.command("reset")
@click.option("--port", type=click.IntRange(1, 65534), default=8765, show_default=True, help="Of the simulator.")
@click.option("--yes", is_flag=True, help="Do not ask: everything that was done in the demo shop is gone.")
@click.pass_context
def reset_demo(ctx: click.Context, port: int, yes: bool) -> None:
    """Put the shop back to where it stood before the demo was loaded, and load the demo anew."""
    from magflow.postgres.backup import restore_backup
    from magflow.up.supervisor import only_one

    settings = Settings.from_environment()
    kept = settings.home / BEFORE_DEMO
    if not kept.exists():
        raise click.ClickException("the demo was not loaded here; load it with: magflow demo load")
    if not yes and sys.stdin.isatty():
        click.confirm("Everything that was done in the demo shop is gone then. Go on?", abort=True)
    with only_one(settings), open_database(settings) as opened:
        restore_backup(opened, kept, settings.pg_bin, force=True)
    ctx.invoke(load_demo, port=port)


@demo.command("play")
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True)
@click.pass_context
def play_demo(ctx: click.Context, days: int) -> None:
    """Let days pass in the demo shop, as they would have passed: orders, deliveries, readings, decisions, figures.

    Everything that is there becomes so much older. A day takes about a second; the shop must not run meanwhile.
    """
    import psycopg

    from magflow.postgres.ageing import grow_older
    from magflow.simulator import keeping
    from magflow.up.supervisor import only_one

    settings = Settings.from_environment()
    file = settings.home / keeping.NAME
    if not file.exists():
        raise click.ClickException("the demo was not loaded here; load it with: magflow demo load")
    with only_one(settings), open_database(settings) as opened, open_application(ctx).app_context():
        from magflow.simulator.playing import NotOnlyADemo, Play
        from magflow.simulator.server import running

        world, place = keeping.read(file)
        with (
            psycopg.connect(opened.owner_url, autocommit=True) as owner,
            running(world, port=place.port, control_port=place.control_port) as served,
        ):
            try:
                play = Play(world, served.api_url, lambda n: grow_older(owner, n), typed_by())
                done = play.days(days, lambda n: say(f"day {n} of {days}") if n % 10 == 0 else None)
            except NotOnlyADemo as error:
                raise click.ClickException(str(error)) from error
            finally:
                keeping.write(world, place, file)
    say(f"played: {done.days} days, {done.orders} orders, {done.transfers} transfers with {done.units} units")


def _keep_before_demo() -> None:
    """The empty shop with its people, for the way back."""
    from magflow.postgres.backup import write_backup

    settings = Settings.from_environment()
    with open_database(settings) as opened:
        (settings.home / BEFORE_DEMO).unlink(missing_ok=True)
        write_backup(opened, settings.home / BEFORE_DEMO, settings.pg_bin)
