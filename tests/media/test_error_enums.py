import pytest

gi = pytest.importorskip("gi")
gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

from evertape.domain.error_table import GST, domain_name  # noqa: E402


@pytest.mark.parametrize("name", ["ResourceError", "StreamError", "CoreError", "LibraryError"])
def test_the_table_knows_every_code_of_the_installed_gstreamer(name: str) -> None:
    enum = getattr(Gst, name)
    domain = domain_name(GLib.quark_to_string(enum.quark()))
    real = {int(v): v.value_nick.upper().replace("-", "_") for v in enum.__enum_values__.values()}
    real = {number: nick for number, nick in real.items() if nick != "NUM_ERRORS"}
    assert {number: row.name for (of, number), row in GST.items() if of == domain} == real
