"""Logging in, what is safe, the live grid, ledger and settings, in a real browser with canned answers."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from web.canned_hub import PASSWORD, CannedHub, iso
from web.conftest import Open

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

NARROW = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def verdict(page: Page) -> Locator:
    """The large words at the top."""
    return page.locator(".verdict-title")


def pulled(hub: CannedHub) -> None:
    """The disk is pulled: one camera records elsewhere, the other is away as well."""
    hub.volumes[0].update(
        state="not_mounted", usable=False, since=iso(time.time() - 30), label="⚠ Storage: USB Disconnected",
        label_reason="the disk was unmounted or pulled out while it was in use", trouble="usb_disconnected",
    )  # fmt: skip
    hub.cameras[0]["recording"]["volume"] = "internal"
    hub.cameras[1]["streams"][0].update(state="waiting", reason="camera_unreachable", retry_in_s=3.2)
    hub.cameras[1]["recording"].update(state="waiting", reason="camera_unreachable")


def healed(hub: CannedHub) -> None:
    """All is well again."""
    hub.volumes[0].update(state="online", usable=True, label="612 GB used", label_reason="", trouble=None)
    hub.cameras[0]["recording"]["volume"] = "usb1"
    hub.cameras[1]["streams"][0].update(state="connected", reason="", retry_in_s=None)
    hub.cameras[1]["recording"].update(state="recording", reason="")


def test_one_logs_in_and_out(hub: CannedHub, open_page: Open) -> None:
    hub.who = None
    page = open_page()
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(verdict(page)).to_have_text("All is safe")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert hub.who is None


def test_the_one_time_link_makes_the_first_account(hub: CannedHub, open_page: Open) -> None:
    hub.who, hub.setup_token = None, "t0ken"
    page = open_page("#setup=t0ken")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password", exact=False).first.fill("long enough a secret")
    page.get_by_label("Password again").fill("long enough a secreT")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("alert")).to_contain_text("differ")
    page.get_by_label("Password again").fill("long enough a secret")
    page.get_by_role("button", name="Create the account").click()
    expect(verdict(page)).to_have_text("All is safe")
    assert "t0ken" not in page.url
    assert ("POST", "/setup", {"token": "t0ken", "name": "anna", "password": "long enough a secret"}) in hub.asked


def test_a_session_that_ends_leads_to_the_login(hub: CannedHub, open_page: Open) -> None:
    page = open_page()
    expect(verdict(page)).to_have_text("All is safe")
    hub.who = None
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_what_is_wrong_comes_first_and_heals_by_itself(hub: CannedHub, open_page: Open) -> None:
    page = open_page()
    expect(verdict(page)).to_have_text("All is safe")
    expect(page.locator(".card").first.get_by_role("heading")).to_have_text("Front door")
    pulled(hub)
    hub.happens("volume_state", volume="usb1", state="not_mounted")
    expect(verdict(page)).to_have_text("2 things are wrong", timeout=1900)  # sooner than the page would ask
    expect(page.locator(".wrong").first).to_contain_text("Yard is not being recorded: Camera unreachable")
    expect(page.locator(".wrong").nth(1)).to_contain_text("⚠ Storage: USB Disconnected")
    expect(page.locator(".wrong").nth(2)).to_contain_text("recorded to internal")
    expect(page.locator(".card").first.get_by_role("heading")).to_have_text("Yard")
    expect(page.locator(".card").first).to_contain_text("next try in 4 s")
    expect(page.locator(".tabs .badge")).to_have_text("2")
    healed(hub)
    hub.happens("volume_state", volume="usb1", state="online")
    expect(verdict(page)).to_have_text("All is safe")
    expect(page.locator(".wrong")).to_have_count(0)


def test_a_camera_that_is_switched_off_is_nothing_wrong(hub: CannedHub, open_page: Open) -> None:
    hub.cameras[1].update(enabled=False, streams=[], recording=None, wish=None, day=None)
    page = open_page()
    expect(verdict(page)).to_have_text("All is safe")
    expect(page.locator(".verdict")).to_contain_text("One camera is being recorded. Nothing is wrong.")
    card = page.locator(".card").nth(1)
    expect(card.locator(".tag")).to_have_text("Switched off")
    expect(card).to_contain_text("neither connected to nor recorded")
    expect(page.locator(".wrong")).to_have_count(0)
    page.goto(f"{hub.url}#/settings/cameras")
    expect(page.locator(".item").nth(1).locator(".tag")).to_have_text("Switched off")
    page.goto(f"{hub.url}#/live")
    expect(page.locator('.cell[data-camera="yard"]')).to_contain_text("Switched off")


def test_each_camera_tells_its_last_durable_second_and_its_day(hub: CannedHub, open_page: Open) -> None:
    page = open_page()
    card = page.locator(".card").first
    expect(card.locator(".durable dd")).to_have_text(re.compile(r"\d\d:\d\d:\d\d \(0\.8 s ago\)"))
    expect(card).to_contain_text("99.97 % recorded, 2 gaps, together 26 s; the longest 20 s: Camera unreachable")
    page.wait_for_function("() => document.querySelector('et-strip canvas').width > 50")
    page.wait_for_function(  # recorded is blue, once it is known and drawn
        """() => { const c = document.querySelector('et-strip canvas');
        const [red, , blue] = c.getContext('2d').getImageData(c.width - 12, c.height >> 1, 1, 1).data;
        return blue > red + 60; }"""
    )
    expect(page.locator(".volume").first).to_contain_text("12 d until the oldest goes")


def test_the_page_reconnects_by_itself_when_the_hub_was_killed(hub: CannedHub, open_page: Open) -> None:
    page = open_page()
    expect(verdict(page)).to_have_text("All is safe")
    hub.stop()
    expect(page.locator(".banner")).to_contain_text("No connection")
    pulled(hub)
    hub.start()
    expect(page.locator(".banner:visible")).to_have_count(0)
    expect(verdict(page)).to_have_text("2 things are wrong")
    healed(hub)
    hub.happens("volume_state")  # the socket is there again, too
    expect(verdict(page)).to_have_text("All is safe")


def test_it_speaks_korean_and_keeps_the_choice(hub: CannedHub, open_page: Open) -> None:
    pulled(hub)
    page = open_page()
    page.get_by_role("button", name="Language").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(verdict(page)).to_have_text("문제가 2건 있습니다")
    expect(page.locator(".wrong").nth(1)).to_contain_text("⚠ 저장소: USB 연결 끊김")
    expect(page.locator(".wrong").nth(1)).to_contain_text("사용 중에 디스크가 마운트 해제되었거나 뽑혔습니다")
    page.reload()
    expect(verdict(page)).to_have_text("문제가 2건 있습니다")
    assert page.evaluate("document.documentElement.lang") == "ko"


def test_a_browser_that_prefers_korean_gets_it(hub: CannedHub, open_page: Open) -> None:
    expect(verdict(open_page(language="ko-KR"))).to_have_text("모두 안전합니다")


def test_dark_follows_the_system_until_somebody_chooses(hub: CannedHub, open_page: Open) -> None:
    page = open_page(color_scheme="dark")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    expect(verdict(page)).to_have_text("All is safe")
    assert page.evaluate(ground) == "rgb(16, 20, 24)"
    page.get_by_role("button", name="Light or dark").click()
    page.get_by_role("menuitemradio", name="Light", exact=True).click()
    assert page.evaluate(ground) == "rgb(246, 247, 249)"
    page.reload()
    assert page.evaluate(ground) == "rgb(246, 247, 249)"


SCREENS = {
    "safe": ".volume", "live": ".cell[data-camera]", "timeline": ".tl-name", "ledger": ".entry",
    "settings/cameras": ".item",
    "settings/recording": "form.panel", "settings/storage": ".panel.item", "settings/alerts": ".panel ul, .panel p",
    "settings/network": "form.panel", "settings/users": "tbody tr", "settings/account": ".panel button",
}  # fmt: skip
"""Each with what is there once it is drawn."""


def test_nothing_is_wider_than_a_phone(hub: CannedHub, open_page: Open) -> None:
    pulled(hub)
    page = open_page("#/safe", **NARROW)
    for place, there in SCREENS.items():
        page.goto(f"{hub.url}#/{place}")
        expect(page.locator(f"main {there}").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, place


def test_everything_that_can_be_used_has_a_name(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/safe")
    for place, there in SCREENS.items():
        page.goto(f"{hub.url}#/{place}")
        expect(page.locator(f"main {there}").first).to_be_visible()
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, a, input, select, [role=slider], video, [role=img]')]
            .filter((e) => e.offsetParent !== null && !(e.getAttribute('aria-hidden') || e.getAttribute('aria-label')
              || e.textContent.trim() || e.closest('label')?.textContent.trim() || e.title))
            .map((e) => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == [], place
        assert page.locator("h1").count() == 1, place


def test_the_whole_page_is_reached_by_keys(hub: CannedHub, open_page: Open) -> None:
    page = open_page()
    expect(verdict(page)).to_have_text("All is safe")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("link", name="Live", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Live")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "main"


def focused(page: Page) -> str:
    """What the focus is on, in words."""
    return str(page.evaluate("document.activeElement.textContent"))


def order(page: Page) -> list[str]:
    """The cameras in the grid, in order."""
    return list(page.evaluate("[...document.querySelectorAll('.cell[data-camera]')].map((e) => e.dataset.camera)"))


def test_the_grid_is_arranged_by_keys_and_by_dragging_and_kept(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/live")
    expect(page.locator(".cell[data-camera]")).to_have_count(2)
    assert order(page) == ["door", "yard"]
    page.locator(".cell").first.focus()
    page.keyboard.press("Control+ArrowRight")
    assert order(page) == ["yard", "door"]
    page.locator(".cell").nth(1).drag_to(page.locator(".cell").nth(0))
    assert order(page) == ["door", "yard"]
    page.locator(".cell").nth(0).drag_to(page.locator(".cell").nth(3))
    assert order(page) == ["yard", "door"]
    page.get_by_role("button", name="3 × 3").click()
    page.reload()
    expect(page.locator(".cell")).to_have_count(9)
    assert order(page) == ["yard", "door"]


def test_a_picture_is_zoomed_by_enter_and_double_click(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/live")
    page.locator(".cell").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".cell")).to_have_count(1)
    assert page.locator("et-live").get_attribute("camera") == "yard"
    assert page.locator("et-live").get_attribute("stream") == "main"
    page.keyboard.press("Escape")
    expect(page.locator(".cell[data-camera]")).to_have_count(2)
    page.locator(".cell").first.dblclick()
    expect(page.locator(".cell")).to_have_count(1)


def test_a_gap_tells_what_happened_what_was_done_and_what_to_do(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/ledger")
    entry = page.locator(".entry").first
    expect(entry).to_contain_text("The camera did not answer, or broke the connection. Noticed after 0.7 s.")
    expect(entry).to_contain_text("Connected again, and recorded on.")
    expect(entry).to_contain_text("Check the camera's power")
    with page.expect_request(lambda request: "cause=storage_full" in request.url and "camera=yard" in request.url):
        page.locator(".filters select").nth(0).select_option("yard")
        page.locator(".filters select").nth(1).select_option("storage_full")
    page.get_by_role("tab", name="Events").click()
    expect(page.locator(".entry").first).to_contain_text("Alert: Front door is not recorded")


def test_a_camera_is_looked_at_before_it_is_added(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/settings/cameras")
    page.get_by_role("button", name="Add a camera").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("URL").fill("rtsp://192.0.2.12/h264")
    dialog.get_by_label("User of the camera").fill("viewer")
    dialog.get_by_label("Password").fill("s3cret")
    expect(dialog.get_by_role("button", name="Save and record")).to_be_hidden()
    dialog.get_by_role("button", name="Look at it").click()
    expect(dialog).to_contain_text("H264 1920×1080 · 25.0 fps · a keyframe every 1.0 s · 4.0 Mbit/s · no sound")
    dialog.get_by_label("Name", exact=True).fill("Back garden")
    assert dialog.get_by_label("Id", exact=False).last.input_value() == "back_garden"
    dialog.get_by_role("button", name="Save and record").click()
    expect(dialog).to_have_count(0)
    method, path, body = hub.asked[-1]
    assert (method, path) == ("POST", "/cameras")
    assert body == {"url": "rtsp://192.0.2.12/h264", "user": "viewer", "password": "s3cret", "id": "back_garden",
                    "name": "Back garden", "audio": True}  # fmt: skip


def test_only_what_was_changed_is_saved(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/settings/recording")
    page.get_by_label("Length of a file").fill("5min")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Saved, and in force.")).to_be_visible()
    assert hub.asked[-1] == ("PATCH", "/config", {"recording.rotation": "5min"})
    hub.answers["PATCH", "/config"] = (
        422,
        {
            "error": {
                "code": "config_invalid",
                "what": "1 problem",
                "problems": [{"what": "must be a duration like 10min"}],
            }
        },
    )
    page.get_by_label("Length of a file").fill("soon")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("alert")).to_contain_text("must be a duration like 10min")


def test_what_would_be_deleted_is_shown_before_it_is(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/settings/storage")
    expect(page.get_by_text("Nothing would be deleted now.")).to_be_visible()
    page.get_by_label("If everything older than this went").fill("14d")
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.get_by_text("144 files, 38 GB")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Front door"))).to_contain_text("older than asked for")
    assert not hub.asked  # nothing was done
    hub.answers["POST", "/retention/run"] = (
        202,
        {"run": 1, "done": True, "files": 144, "bytes": 38_000_000_000, "error": ""},
    )
    page.get_by_role("button", name="Delete it now").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("144 files deleted, 38 GB freed.")).to_be_visible()


def test_a_viewer_is_not_offered_what_he_may_not(hub: CannedHub, open_page: Open) -> None:
    hub.log_in("viewer")
    page = open_page("#/settings/users")
    expect(page.locator(".settings-list a")).to_have_text(["Alerts", "My account"])


def test_a_token_is_shown_once(hub: CannedHub, open_page: Open) -> None:
    hub.answers["POST", "/tokens"] = 201, {"token": "et_secret", "id": "1", "name": "HA"}
    page = open_page("#/settings/account")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_role("dialog").get_by_label("What it is for").fill("HA")
    page.get_by_role("dialog").get_by_role("button", name="Make it").click()
    expect(page.locator(".secret")).to_have_text("et_secret")
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    expect(page.get_by_text("et_secret")).to_have_count(0)
