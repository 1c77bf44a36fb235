"""Whether a dashboard's address can be reached by others, and what they would find there."""

import socket
from ipaddress import ip_address

from moe_search.credentials import without_credentials
from moe_search.errors import UserError
from moe_search.spec import Study
from moe_search.spec.kinds.stores import store_kind


def check_host(host: str, accepted: bool) -> bool:
    """Find out whether other machines can reach an address of this one.

    Args:
        host: an address, or a name that stands for one.
        accepted: the user knows that no login is asked for.

    Raises:
        UserError: it is no address of this machine, or all of them at once; or others can reach
            it and that is not accepted.
    """
    try:
        addresses = {ip_address(info[4][0]) for info in socket.getaddrinfo(host, None)}
        bind(host, 0)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not a name"
        raise UserError(
            f"--host {host}: cannot be used ({why}); name an address of this machine"
        ) from None
    if any(address.is_unspecified for address in addresses):
        raise UserError(
            f"--host {host}: is every address at once; name the one at which browsers find this "
            f"machine, such as {socket.gethostname()}"
        )
    if all(address.is_loopback for address in addresses):
        return False
    if not accepted:
        raise UserError(
            f"--host {host}: other machines reach it, and no dashboard asks for a login; use a "
            "tunnel (ssh -L) instead, or add --i-know-it-has-no-login"
        )
    return True


def bind(host: str, port: int) -> None:
    """Try whether a server may listen there.

    Raises:
        OSError: it may not, or the name is unknown.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def exposed(study: Study, host: str) -> str:
    """One line on what everyone can do who reaches the dashboards there."""
    what = [f"every study in {study.optuna_url}"]
    if not store_kind(study.mlflow_url).is_mlflow:
        what.append(f"every run, model and file of {study.mlflow_url}")
    return without_credentials(
        f"everyone who can reach {host} can read, change and delete {' and '.join(what)}: "
        "no dashboard asks for a login"
    )
