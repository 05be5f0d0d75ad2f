"""Settings of alerts and of the network, in a real browser: whoever uses the keyboard only can do all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from web.canned_hub import CannedHub
from web.conftest import Open

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect


def press(page: Page, control: Locator, key: str = "Enter") -> None:
    """By the keyboard."""
    control.focus()
    page.keyboard.press(key)


def named(page: Page) -> str:
    """The name of what has the focus."""
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.name"))


def form(page: Page, heading: str) -> Locator:
    """The form with this heading."""
    return page.locator("form.panel").filter(has=page.get_by_role("heading", name=heading, exact=True))


def test_a_channel_is_added_changed_and_removed_by_keys(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/settings/alerts")
    press(page, page.get_by_role("button", name="Add a channel"))
    dialog = page.get_by_role("dialog", name="Add a channel")
    expect(dialog).to_be_visible()
    assert named(page) == "name"
    page.keyboard.type("phone")
    page.keyboard.press("Tab")
    assert named(page) == "url"
    page.keyboard.type("tgram://s3cret/1")
    dialog.get_by_label("Is told").select_option("critical")
    press(page, dialog.get_by_label("Also when it is over"), "Space")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    body = {"name": "phone", "url": "tgram://s3cret/1", "alerts": "critical", "ended": False}
    assert hub.asked[-1] == ("POST", "/alerts/channels", body)
    line = page.locator(".item").filter(has_text="phone")
    expect(line).to_contain_text("only when footage is lost, or could be, not when it is over")

    press(page, page.get_by_role("button", name="Edit phone"))
    dialog = page.get_by_role("dialog", name="Change phone")
    expect(dialog).to_contain_text("Now mailto://mail.example.org. Leave it empty to keep it.")
    assert dialog.get_by_label("URL").input_value() == "" and named(page) == "url"
    dialog.get_by_label("Is told").select_option("all")
    press(page, dialog.get_by_role("button", name="Save"))
    expect(line).to_contain_text("everything, not when it is over")
    assert hub.asked[-1] == ("PATCH", "/alerts/channels/phone", {"alerts": "all", "ended": False})
    page.wait_for_function("document.activeElement.getAttribute('aria-label') === 'Edit phone'")

    press(page, page.get_by_role("button", name="Remove phone"))
    page.keyboard.press("Enter")  # the question's answer has the focus
    expect(page.locator(".item").filter(has_text="phone")).to_have_count(0)
    assert hub.asked[-1][:2] == ("DELETE", "/alerts/channels/phone")
    assert "s3cret" not in page.content()


def test_a_url_that_nothing_can_be_sent_to_stays_in_the_dialog_with_the_reason(hub: CannedHub, open_page: Open) -> None:
    error = {"code": "url_kind_unknown", "what": "there is no kind of channel mailt://", "hint": "the guide has a list"}
    hub.answers["POST", "/alerts/channels"] = 422, {"error": error}
    page = open_page("#/settings/alerts")
    page.get_by_role("button", name="Add a channel").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=False).fill("mail2")
    dialog.get_by_label("URL").fill("mailt://x")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("There is no channel of this kind.")
    expect(dialog.get_by_label("URL")).to_have_attribute("aria-invalid", "true")


def test_channels_are_tried_one_by_one_or_all(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/settings/alerts")
    expect(page.locator(".item").nth(1)).to_contain_text("refused")
    press(page, page.get_by_role("button", name="Test mail"))
    expect(page.locator(".item").first.get_by_role("status")).to_have_text("The test arrived.")
    assert named(page) == "Test mail"
    page.get_by_role("button", name="Test pager").click()
    expect(page.locator(".item").nth(1).get_by_role("status")).to_have_text("The test did not arrive: refused")
    assert [path for _, path, _ in hub.asked] == ["/alerts/channels/mail/test", "/alerts/channels/pager/test"]
    page.get_by_role("button", name="Test all").click()
    expect(page.get_by_text("pager: The test did not arrive: refused")).to_be_visible()


def test_quiet_hours_heartbeat_and_mqtt_are_set_and_secrets_are_not_shown(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/settings/alerts")
    how = form(page, "When and how")
    how.get_by_label("Quiet hours", exact=False).first.fill("22:00-06:30")
    how.get_by_label("Warn when a volume holds fewer days than").fill("3.5")
    how.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved, and in force.").first).to_be_visible()
    assert hub.asked[-1] == ("PATCH", "/config", {"alerts.quiet": "22:00-06:30", "alerts.min_days": 3.5})

    beat = form(page, "Heartbeat")
    url = beat.get_by_label("URL", exact=False).first
    assert (url.input_value(), url.get_attribute("placeholder")) == ("", "***")
    beat.get_by_label("Fetched every").fill("2min")
    beat.get_by_role("button", name="Save").click()
    saved(page, hub, {"alerts.heartbeat_interval": "2min"})
    url.fill("https://hc-ping.com/s3cret")
    beat.get_by_role("button", name="Save").click()
    saved(page, hub, {"alerts.heartbeat_url": "https://hc-ping.com/s3cret"})
    expect(url).to_have_value("")
    beat.get_by_label("Remove it: URL").check()
    beat.get_by_role("button", name="Save").click()
    saved(page, hub, {"alerts.heartbeat_url": None})
    expect(beat.get_by_label("Remove it: URL")).to_be_hidden()

    mqtt = form(page, "MQTT")
    mqtt.get_by_role("textbox", name="Broker").fill("192.0.2.5:1883")
    mqtt.get_by_label("Password", exact=True).fill("s3cret")
    mqtt.get_by_role("button", name="Save").click()
    saved(page, hub, {"mqtt.broker": "192.0.2.5:1883", "mqtt.password": "s3cret"})


def saved(page: Page, hub: CannedHub, changes: dict[str, Any]) -> None:
    """What was sent last, once it was."""
    while hub.asked[-1] != ("PATCH", "/config", changes):
        page.wait_for_timeout(20)  # the test's own limit ends it


def test_a_viewer_sees_where_it_is_told_and_changes_nothing(hub: CannedHub, open_page: Open) -> None:
    hub.log_in("viewer")
    page = open_page("#/settings/alerts")
    expect(page.locator(".item").first).to_contain_text("mail")
    expect(page.locator("main button")).to_have_count(0)
    expect(page.locator("main form")).to_have_count(0)


def test_an_alert_is_told_in_the_readers_language(hub: CannedHub, open_page: Open) -> None:
    about: dict[str, Any] = {"severity": "critical", "camera": "door", "volume": "", "since": None, "detail": {}}
    hub.alerts = [
        {**about, "kind": "camera_not_recording", "text": "in English", "detail": {"cause": "stream_stalled"}},
        {**about, "kind": "of_a_newer_version", "text": "something new"},
        {**about, "kind": "recording_retry", "text": "of an older version"},
    ]  # fmt: skip
    page = open_page("#/settings/alerts", language="ko")
    lines = page.locator(".panel").first.locator("li")
    expect(lines.nth(0)).to_contain_text(
        "Front door: 녹화되지 않고 있습니다. 연결은 유지되었지만 영상이 오지 않았습니다."
    )
    expect(lines.nth(1)).to_contain_text("something new")
    expect(lines.nth(2)).to_contain_text("of an older version")


def test_the_page_is_moved_only_after_a_question_and_says_where_it_is(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/settings/network")
    page.get_by_label("Address and port").first.fill("0.0.0.0:9000")
    page.get_by_label("TLS (HTTPS)").select_option("auto")
    page.get_by_role("button", name="Save").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("https://127.0.0.1:9000/")
    dialog.get_by_role("button", name="Cancel").click()
    assert not hub.asked
    page.get_by_role("button", name="Save").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Move it").click()
    expect(page.get_by_role("link", name="https://127.0.0.1:9000/")).to_be_visible()
    assert hub.asked == [("PATCH", "/config", {"hub.listen": "0.0.0.0:9000", "hub.tls": "auto"})]


def test_live_pictures_for_other_programs_are_switched_on(hub: CannedHub, open_page: Open) -> None:
    page = open_page("#/settings/network")
    panel = form(page, "Live pictures for other programs")
    expect(panel).to_contain_text("rtsp://127.0.0.1:8554/CAMERA")
    panel.get_by_label("Offer them").check()
    panel.get_by_label("Address and port").fill("0.0.0.0:8555")
    panel.get_by_role("button", name="Save").click()
    saved(page, hub, {"restream.listen": "0.0.0.0:8555", "restream.enabled": True})
