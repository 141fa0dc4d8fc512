"""Every verb that a person types. Each is a thin call; what it calls is imported when it is called, so that
``tieout --help`` and tab completion answer at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from tieout.errors import TieoutError

app = typer.Typer(
    help="Tieout: a finance lakehouse whose every number ties out to its source, to the cent.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


# What clients raise where no server answers. By name: importing them all would make every start slow.
_UNREACHABLE = {
    "psycopg.OperationalError": "Postgres",
    "trino.exceptions.TrinoConnectionError": "Trino",
    "botocore.exceptions.EndpointConnectionError": "the S3 store",
}


@contextmanager
def _clear_errors() -> Iterator[None]:
    """A named failure, or a server that cannot be reached, is one line of stderr and exit code 1: no traceback."""
    try:
        yield
    except TieoutError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(1) from None
    except Exception as error:
        kind = type(error)
        server = _UNREACHABLE.get(f"{kind.__module__}.{kind.__qualname__}")
        if server is None:
            raise
        said = " ".join(str(error).split())
        typer.secho(f"error: {server} cannot be reached: run `tieout up` ({said})", fg="red", err=True)
        raise typer.Exit(1) from None


@app.command()
def up() -> None:
    """Start the local stack, or what of it does not run; set it up first if need be."""
    with _clear_errors():
        from tieout.local.progress import Board
        from tieout.local.stack import up as bring_up

        with Board() as board:
            bring_up(board)


@app.command()
def down() -> None:
    """Stop everything that belongs to the local stack. Its data stays."""
    with _clear_errors():
        from tieout.local.stack import down as bring_down

        typer.echo(f"stopped {bring_down()} processes")


@app.command()
def status(json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """Show each service: state, address, version, process, memory. Exit code 1 unless all run."""
    with _clear_errors():
        from tieout.local.status import collect, render_json, render_table

        rows = collect()
        if json:
            typer.echo(render_json(rows))
        else:
            render_table(rows)
        if any(row.state != "running" for row in rows):
            raise typer.Exit(1)


@app.command()
def logs(
    service: Annotated[str | None, typer.Argument(help="One service; without it, all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Last lines to begin with.")] = 50,
) -> None:
    """Print the last lines of the services' logs."""
    with _clear_errors():
        from tieout.local.logs import show

        show(service, follow, lines)


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help='As in: tieout sql "select * from lake.gold.fact_payments"')],
    format: Annotated[str, typer.Option(help="table, csv or json. Decimals are printed exactly in each.")] = "table",
    user: Annotated[str | None, typer.Option(help="Trino user; without it, the one that may write.")] = None,
) -> None:
    """Run one SQL statement on Trino and print its rows."""
    with _clear_errors():
        from tieout.local.sql import run

        run(statement, format, user)


generating = typer.Typer(help="Make data: a company's life, or both sides of a large reconciliation.")
app.add_typer(generating, name="generate")


@generating.callback(invoke_without_command=True)
def generate(
    context: typer.Context,
    scale: Annotated[
        str, typer.Option(help="About how many rows: a number, or tiny, small, demo, large, huge.")
    ] = "demo",
    seed: Annotated[int, typer.Option(help="The same seed gives the same company.")] = 1,
    start: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD.")] = None,
    replace: Annotated[bool, typer.Option(help="Delete all rows of the app database first.")] = False,
    advance: Annotated[int, typer.Option(min=0, help="Live N more days instead of starting anew.")] = 0,
    anomalies: Annotated[
        int | None,
        typer.Option(min=0, help="Put in about N labelled anomalies of each kind a year; 0: suppliers with habits."),
    ] = None,
) -> None:
    """Fill the app database, and landing, with a company's life; or deliver what a subcommand names."""
    if context.invoked_subcommand:
        given = [name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"]
        if given:
            raise typer.BadParameter(f"write --{given[0]} after {context.invoked_subcommand}, if it has that option")
        return
    with _clear_errors():
        from tieout.generate.command import run as make

        make(scale, seed, start, end, replace, advance, anomalies)


@generating.command("reconciliation")
def generate_reconciliation(
    rows: Annotated[int, typer.Option(help="Charges, on either side.")] = 1_500_000,
    missing: Annotated[
        int, typer.Option(help="Charges on one side only: half not in the ERP, half not in billing.")
    ] = 500,
    mismatch: Annotated[int, typer.Option(help="Charges of which the ERP has another amount.")] = 1_000,
    batch: Annotated[int, typer.Option(help="Charges of a file.")] = 150_000,
    seed: Annotated[int, typer.Option(help="The same seed and date give the same files.")] = 1,
    date: Annotated[
        str | None,
        typer.Option(help="Day of the delivery, YYYY-MM-DD; the day after the company's last one if not given."),
    ] = None,
    drift: Annotated[int, typer.Option(help="Charges posted more than 24 hours later.")] = 0,
    duplicates: Annotated[int, typer.Option(help="Charges that the ERP has twice.")] = 0,
    metadata: Annotated[int, typer.Option(help="Charges whose metadata names an organization that is not known.")] = 0,
    currency: Annotated[int, typer.Option(help="Charges that the ERP has in another currency.")] = 0,
) -> None:
    """Deliver both sides of a reconciliation as Parquet, with exactly so many faults, and write down which."""
    with _clear_errors():
        from tieout.generate.reconciliation import Faults, Request
        from tieout.generate.reconciliation_delivery import run as make

        faults = Faults(missing, mismatch, drift, duplicates, metadata, currency)
        make(lambda day: Request(rows, batch, seed, day, faults).check(), date)


@app.command()
def pull(
    source: Annotated[str, typer.Argument(help="The source: stripe is the only one with an API.")],
    date: Annotated[str, typer.Option(help="The batch, YYYY-MM-DD: the day whose data interval is pulled.")],
) -> None:
    """Land what a source's API has for one date, as tieout_daily does where a key is set."""
    with _clear_errors():
        from tieout.extract.pull import pull as pull_day

        for pulled in pull_day(source, date):
            typer.echo(pulled)


@app.command()
def run(
    date: Annotated[str, typer.Option(help="The batch, YYYY-MM-DD: the day whose data interval is run.")],
) -> None:
    """Run tieout_daily for one date through Airflow, and follow it to its end."""
    with _clear_errors():
        from tieout.orchestration.run import run_date

        raise typer.Exit(run_date(date))


@app.command()
def aging(
    as_of: Annotated[str, typer.Option(help="The day, YYYY-MM-DD; the first of several with --to.")],
    to: Annotated[str | None, typer.Option(help="The last day, YYYY-MM-DD.")] = None,
) -> None:
    """Write aging, trial balance, control account ties and KPIs of past days, and print the aging."""
    with _clear_errors():
        from tieout.aging import run as write_and_show

        write_and_show(as_of, to)


@app.command("tie-out")
def tie_out(
    date: Annotated[str | None, typer.Option(help="The day, YYYY-MM-DD; the last run's if not given.")] = None,
) -> None:
    """Show what the last tie-out of source, Bronze, Silver and Gold found; fails if anything differs."""
    with _clear_errors():
        from tieout.controls.report import show

        raise typer.Exit(show(date))


@app.command()
def alerts(
    dismiss: Annotated[str | None, typer.Option(help="Id of an alert that is in order; needs a reason.")] = None,
    acknowledge: Annotated[str | None, typer.Option(help="Id of an alert that someone looks after.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why. It is kept with the decision.")] = None,
) -> None:
    """List the newest alerts, or decide on one. What is dismissed is not raised again."""
    with _clear_errors():
        from tieout.ml.alert_status import run as show_or_decide

        show_or_decide(dismiss, acknowledge, reason)


@app.command()
def budget(
    account: Annotated[str, typer.Option(help="Id of the ledger account: account_id of lake.gold.dim_account.")],
    month: Annotated[str, typer.Option(help="The month that is planned, YYYY-MM.")],
    amount: Annotated[str, typer.Option(help="In base currency, debit positive, credit (as revenue) negative.")],
    scenario: Annotated[str, typer.Option(help="Budget or Forecast.")] = "Budget",
) -> None:
    """Enter what is planned on an account in a month. The newest entry counts, before every file; all are kept."""
    with _clear_errors():
        from tieout.planning import run as enter

        enter(account, month, amount, scenario)


@app.command()
def demo() -> None:
    """Set everything up, live through three days of a company, and show what came out."""
    with _clear_errors():
        from tieout.demo import demo as show_all

        raise typer.Exit(show_all())
