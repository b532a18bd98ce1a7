"""`briefbot models`: fetch and list small language models that run on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from briefbot.opening import announce, load_cli_settings, print_json, progress_bars

models_app = typer.Typer(no_args_is_help=True, help="Fetch and list small language models that run on this machine.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@models_app.command("pull")
def models_pull(name: Annotated[str, typer.Argument(help="A name that `models list` shows.")]) -> None:
    """Fetch a pinned model from its hub, going on where an earlier attempt stopped, and check its hash."""
    from briefbot.local_models import find_pinned, pull_model
    from briefbot.settings import prepare_home

    model = find_pinned(name)
    settings = load_cli_settings()
    prepare_home(settings)
    announce(f"{model.file}: {model.size / 1e9:.2f} GB, {model.licence}, from {model.repository}")
    with progress_bars() as progress:
        path = pull_model(model, settings, progress)
    print(f"{path}\nuse it with BRIEFBOT_LLM_GGUF={model.name} (needs `pip install 'briefbot[local]'`)")


@models_app.command("list")
def models_list(as_json: AsJson = False) -> None:
    """Show the models that can be fetched, which are there, and what each needs."""
    from dataclasses import asdict

    from briefbot.local_models import PINNED, is_there

    settings = load_cli_settings()
    if as_json:
        print_json([{**asdict(model), "is_there": is_there(model, settings)} for model in PINNED])
        return
    for model in PINNED:
        there = "here" if is_there(model, settings) else "not here"
        needs = f"{model.size / 1e9:.2f} GB on disk, about {model.memory:g} GiB of memory"
        print(f"{model.name}  ({there}; {model.licence}; {needs})\n  {model.about}")
