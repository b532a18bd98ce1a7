"""`briefbot key`: make, list and revoke the keys of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from briefbot.opening import load_with_home, print_json

if TYPE_CHECKING:
    from briefbot.keys import KeyRing

key_app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the keys of the service.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@key_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who or what the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do: ask (the default), ingest or admin (everything); may be given several times."
        ),
    ] = None,
    limit: Annotated[
        str | None, typer.Option(help="How often, such as 60/minute; BRIEFBOT_RATE_LIMIT by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    key, secret = _open_ring().create(name, scope or ["ask"], limit)
    if as_json:
        print_json({**key.as_json(), "secret": secret})
        return
    scopes = ", ".join(key.as_json()["scopes"])
    typer.echo(f"briefbot: made {key.id} ({scopes}) for {key.name}; keep the key, it is not shown again:", err=True)
    typer.echo(secret)


@key_app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys, those that are revoked as well."""
    keys = _open_ring().list()
    if as_json:
        print_json({"keys": [key.as_json() for key in keys]})
        return
    for key in keys:
        state = f"revoked {key.revoked_at}" if key.revoked_at else f"last used {key.last_used_day or 'never'}"
        limit = f"  {key.rate_limit}" if key.rate_limit else ""
        typer.echo(f"{key.id}  {', '.join(key.as_json()['scopes'])}{limit}  {key.name}  ({state})")


@key_app.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(metavar="ID", help="An id that `key list` shows.")]) -> None:
    """Let a key open nothing from now on, in a running service as well."""
    _open_ring().revoke(key_id)
    typer.echo(f"revoked {key_id}")


def _open_ring() -> KeyRing:
    from briefbot.keys import KeyRing

    return KeyRing(load_with_home().keys_path)
