"""The time line and what it plays, in a real browser with real files behind it."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from web.canned_footage import FPS, SECONDS
from web.canned_hub import GAP_S, CannedHub, iso, parse, part
from web.conftest import Open

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

STATE = """() => {
  const { group } = document.querySelector('et-timeline');
  return { at: group.at / 1000, playing: group.playing, tracks: [...group.tracks.values()].map((track) => ({
    state: track.state, trick: track.trick, media: track.video.currentTime, ready: track.video.readyState,
    pictures: track.video.getVideoPlaybackQuality().totalVideoFrames,
    top: track.video.buffered.length ? track.video.buffered.end(track.video.buffered.length - 1) : 0 })) };
}"""
# The colour of the box that ffmpeg drew in the upper left corner: red in one file, blue in the other.
BOX = """() => {
  const canvas = document.createElement('canvas'); canvas.width = 320; canvas.height = 180;
  const pen = canvas.getContext('2d'); pen.drawImage(document.querySelector('video'), 0, 0, 320, 180);
  const [red, , blue] = pen.getImageData(20, 10, 1, 1).data;
  return red > 150 && blue < 100 ? 'red' : blue > 150 && red < 100 ? 'blue' : `${red} ${blue}`;
}"""


def show(hub: CannedHub, open_page: Open, second: float, *cameras: str, **query: Any) -> Page:
    """The time line at a second of the canned footage, once a picture is there."""
    more = "".join(f"&{name}={value}" for name, value in {"w": 120, **query}.items())
    page = open_page(f"#/timeline?camera={','.join(cameras or ('door',))}&t={iso(hub.began + second)}{more}")
    page.locator(".tl-name").first.wait_for()
    wait(page, lambda now: all(track["state"] in ("playing", "gap") for track in now["tracks"]) and now["tracks"])
    return page


def wait(page: Page, fits: Any, seconds: float = 15) -> dict[str, Any]:
    """The state of the player, as soon as it fits."""
    deadline = time.monotonic() + seconds
    while not fits(now := page.evaluate(STATE)):
        assert time.monotonic() < deadline, now
        page.wait_for_timeout(50)
    return dict(now)


def second(hub: CannedHub, now: dict[str, Any]) -> float:
    """Where it is in the canned footage."""
    return float(now["at"]) - hub.began


def test_it_plays_at_the_pace_of_the_clock(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, 5)
    before = wait(page, lambda now: now["tracks"][0]["ready"] >= 2)
    assert second(hub, before) == pytest.approx(5, abs=0.01) and not before["playing"]
    assert page.evaluate(BOX) == "red"
    page.get_by_role("button", name="Play", exact=True).click()
    begun = time.monotonic()
    after = wait(page, lambda now: second(hub, now) > 7)
    assert second(hub, after) - 5 < time.monotonic() - begun + 0.3
    assert after["tracks"][0]["pictures"] - before["tracks"][0]["pictures"] > FPS
    # The picture is where the clock is.
    assert after["tracks"][0]["media"] - before["tracks"][0]["media"] == pytest.approx(second(hub, after) - 5, abs=0.3)


def test_over_a_gap_its_card_tells_the_cause_and_playing_goes_on_behind(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, SECONDS - 1.5)
    page.get_by_role("slider").focus()
    page.keyboard.press("Space")
    card = page.locator(".tile-card")
    expect(card).to_contain_text("Camera unreachable")
    expect(card).to_contain_text("The camera did not answer, or broke the connection.")
    expect(card).to_contain_text("6.0 s")
    begun = time.monotonic()
    after = wait(page, lambda now: second(hub, now) > SECONDS + GAP_S + 0.5 and now["tracks"][0]["state"] == "playing")
    assert time.monotonic() - begun < GAP_S  # it did not sit the gap out
    assert after["playing"]
    expect(card).to_be_hidden()
    assert page.evaluate(BOX) == "blue"


def test_across_files_it_is_seamless(hub: CannedHub, open_page: Open) -> None:
    seam = 2 * SECONDS + GAP_S
    page = show(hub, open_page, seam - 1)
    assert page.evaluate(BOX) == "blue"
    begun = page.evaluate(STATE)["tracks"][0]["pictures"]
    page.get_by_role("slider").press("Space")
    states = set()
    while second(hub, now := page.evaluate(STATE)) < seam + 1:
        states.add(now["tracks"][0]["state"])
        page.wait_for_timeout(20)
    assert states == {"playing"}
    assert page.evaluate(BOX) == "red"
    assert now["tracks"][0]["pictures"] - begun > 1.5 * FPS


def test_it_steps_by_picture_to_and_fro(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, 5.5)
    slider = page.get_by_role("slider")
    at = [second(hub, page.evaluate(STATE))]
    for key in (".", ".", ".", ",", ","):
        slider.press(key)
        at.append(second(hub, wait(page, lambda now: second(hub, now) != at[-1])))
    steps = [round((b - a) * FPS, 1) for a, b in pairwise(at[1:])]
    assert steps == [1, 1, -1, -1]


def test_a_step_is_one_picture_also_before_the_page_hears_that_the_bytes_are_there(
    hub: CannedHub, open_page: Open
) -> None:
    page = open_page("#/safe")
    page.evaluate(  # as on a machine so busy that a key is heard first
        """() => { const add = SourceBuffer.prototype.addEventListener;
        SourceBuffer.prototype.addEventListener = function (name, heard, ...more) {
          const late = (event) => setTimeout(() => heard(event), 1500);
          add.call(this, name, name === 'updateend' ? late : heard, ...more);
        }; }"""
    )
    page.goto(f"{hub.url}#/timeline?camera=door&w=120&t={iso(hub.began + 5.5)}")
    page.locator(".tl-name").first.wait_for()
    wait(page, lambda now: now["tracks"] and now["tracks"][0]["state"] == "playing")
    before = second(hub, page.evaluate(STATE))
    page.get_by_role("slider").press(".")
    assert second(hub, page.evaluate(STATE)) - before < 1.5 / FPS


@pytest.mark.parametrize(("rate", "seconds"), [("0.5", 1), ("4", 6), ("16", 12)])
def test_it_plays_slowly_and_fast(hub: CannedHub, open_page: Open, rate: str, seconds: float) -> None:
    page = show(hub, open_page, 2)
    page.get_by_label("Speed").select_option(rate)
    page.get_by_role("button", name="Play", exact=True).click()
    begun = time.monotonic()
    after = wait(page, lambda now: second(hub, now) > 2 + seconds)
    took = time.monotonic() - begun
    assert seconds / float(rate) * 0.8 <= took <= seconds / float(rate) + 4
    assert after["tracks"][0]["state"] == "playing"


def test_a_decoder_that_does_not_keep_up_gets_keyframes_only(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, 0.5)
    page.evaluate(
        """() => { let total = 0; HTMLVideoElement.prototype.getVideoPlaybackQuality = () => {
        total += 100; return { totalVideoFrames: total, droppedVideoFrames: total * 0.6 }; }; }"""
    )
    page.get_by_label("Speed").select_option("2")
    page.get_by_role("button", name="Play", exact=True).click()
    wait(page, lambda now: now["tracks"][0]["trick"])
    expect(page.locator(".tl-state")).to_contain_text("keyframes only")
    shown = page.evaluate(
        """async () => { const seen = new Set();
        for (let n = 0; n < 40; n += 1) {
          seen.add(document.querySelector('video').currentTime);
          await new Promise((done) => setTimeout(done, 40));
        }
        return [...seen]; }"""
    )
    fractions = [(media - hub.began) % 1 for media in shown[1:]]  # the first was there before
    assert len(fractions) >= 2
    assert all(part < 0.06 or part > 0.94 for part in fractions), fractions  # there is one keyframe a second


def test_several_cameras_keep_together(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, 3, "door", "yard")
    page.get_by_role("slider").press("Space")
    apart = []
    while second(hub, now := page.evaluate(STATE)) < 7:
        apart.append(abs(now["tracks"][0]["media"] - now["tracks"][1]["media"]))
        page.wait_for_timeout(50)
    assert sorted(apart)[int(len(apart) * 0.9)] < 0.2


def test_keys_find_gaps_and_events(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, 5)
    slider = page.get_by_role("slider")
    slider.press("]")
    wait(page, lambda now: abs(second(hub, now) - SECONDS) < 0.05)
    expect(page.locator(".tile-card")).to_contain_text("Camera unreachable")
    expect(page.locator(".tl-state")).to_contain_text("Camera unreachable")
    slider.press("[")
    expect(page.locator(".tl-state")).to_have_text("Nothing further")


def test_the_slider_tells_where_it_is_and_what_is_there(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, SECONDS - 2)
    slider = page.get_by_role("slider")
    wait_text(page, "Front door: Recorded on usb1")
    slider.press("ArrowRight")
    wait_text(page, "Front door: Camera unreachable")
    slider.press("ArrowDown")
    wait_text(page, "Yard: Camera unreachable")
    expect(page.locator(".tl-tip")).to_contain_text("Camera unreachable")  # the focus tells it as the pointer does


def wait_text(page: Page, text: str) -> None:
    """What a screen reader would say."""
    page.wait_for_function(
        "text => document.querySelector('[role=slider]').getAttribute('aria-valuetext')?.includes(text)", arg=text
    )


def x_of(page: Page, hub: CannedHub, second: float) -> float:
    """Where on the screen a second of the canned footage is."""
    return float(
        page.evaluate(
            """at => { const view = document.querySelector('et-timeline-view');
            return view.slider.getBoundingClientRect().left + view.xOf(at * 1000); }""",
            hub.began + second,
        )
    )


def row_y(page: Page, row: int) -> float:
    """And the middle of a camera's row."""
    return (
        float(page.evaluate("document.querySelector('et-timeline-view').slider.getBoundingClientRect().top"))
        + 45
        + 36 * row
    )


def test_the_pointer_tells_causes_and_a_click_plays(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, 10)
    page.mouse.move(x_of(page, hub, SECONDS + 3), row_y(page, 0))
    expect(page.locator(".tl-tip")).to_contain_text("Camera unreachable · 6.0 s")
    page.mouse.move(x_of(page, hub, 2 * SECONDS + GAP_S + 5), row_y(page, 0))
    expect(page.locator(".tl-tip")).to_contain_text("Recorded on the spill volume internal")
    page.mouse.click(x_of(page, hub, SECONDS + GAP_S + 4), row_y(page, 1))
    wait(page, lambda now: now["playing"] and second(hub, now) > SECONDS + GAP_S + 4)
    assert page.evaluate("[...document.querySelector('et-timeline').group.tracks.keys()]") == ["yard"]


def test_wheel_and_keys_zoom_from_a_second_to_a_year(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, 10)
    width = "() => { const v = document.querySelector('et-timeline-view'); return (v.end - v.start) / 1000; }"
    middle = x_of(page, hub, 10)
    page.mouse.move(middle, row_y(page, 0))
    for _ in range(6):
        page.mouse.wheel(0, -600)
    page.wait_for_function(f"({width})() < 3")
    assert x_of(page, hub, 10) == pytest.approx(middle, abs=3)  # what is under the pointer stays there
    for _ in range(20):
        page.keyboard.press("Tab")  # the wheel needs no focus; keys do
        if page.evaluate("document.activeElement.getAttribute('role')") == "slider":
            break
    slider = page.get_by_role("slider")
    for _ in range(45):
        slider.press("-")
    assert page.evaluate(width) > 365 * 86400
    asked = [
        request
        for request in (page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)"))
        if "timeline?" in request
    ]
    assert len(asked) < 120


def test_a_range_is_selected_exported_and_offered_for_download(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, 10)
    page.get_by_role("button", name="Select a range").click()
    page.mouse.move(x_of(page, hub, 5), row_y(page, 0))
    page.mouse.down()
    page.mouse.move(x_of(page, hub, 12), row_y(page, 0), steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("without re-encoding")
    dialog.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_role("link", name="Download")).to_have_attribute("href", f"/api/v1/exports/{'e' * 32}/file")
    method, path, body = hub.asked[-1]
    assert (method, path) == ("POST", "/exports") and body["cameras"] == ["door"]
    assert parse(body["start"]) == pytest.approx(hub.began + 5, abs=0.3)
    assert parse(body["end"]) == pytest.approx(hub.began + 12, abs=0.3)


def test_dragging_the_ruler_scrubs_without_playing(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, 10)
    top = row_y(page, 0) - 35
    with page.expect_request(lambda request: "snapshot.jpg?at=" in request.url):
        page.mouse.move(x_of(page, hub, 10), top)
        page.mouse.down()
        page.mouse.move(x_of(page, hub, SECONDS + GAP_S + 10), top, steps=8)
    page.mouse.up()
    wait(
        page,
        lambda now: abs(second(hub, now) - (SECONDS + GAP_S + 10)) < 0.5 and now["tracks"][0]["state"] == "playing",
    )


def test_a_file_that_cannot_be_read_says_so_and_is_tried_again(hub: CannedHub, open_page: Open) -> None:
    key = ("GET", f"/segments/{'b' * 32}/fragments")
    hub.answers[key] = 503, {"error": {"code": "volume_unusable", "what": "the volume cannot be used", "hint": ""}}
    page = open_page(f"#/timeline?camera=door&w=120&t={iso(hub.began + SECONDS + GAP_S + 5)}")
    expect(page.locator(".tile-card")).to_contain_text("cannot be played now")
    del hub.answers[key]
    wait(page, lambda now: now["tracks"][0]["state"] == "playing")
    expect(page.locator(".tile-card")).to_be_hidden()


def test_a_file_that_was_replaced_is_looked_up_anew(hub: CannedHub, open_page: Open) -> None:
    page = show(hub, open_page, SECONDS - 3)
    old, file, began = hub.parts[1]
    hub.parts[1] = ("d" * 32, file, began)
    gone = 404, {"error": {"code": "file_missing", "what": "it is deleted", "hint": ""}}
    hub.answers["GET", f"/segments/{old}/fragments"] = gone
    page.get_by_role("slider").press("Space")
    wait(page, lambda now: second(hub, now) > SECONDS + GAP_S + 0.5 and now["tracks"][0]["state"] == "playing")


def test_a_gap_that_the_list_of_files_does_not_know_of_yet_is_told_all_the_same(
    hub: CannedHub, open_page: Open
) -> None:
    parts = [part(*one) for one in hub.parts]
    parts[0]["end"] = parts[1]["start"]  # as right after it, when the first file still counts as being written
    hub.answers["GET", "/cameras/door/segments"] = 200, {"parts": parts, "next": None}
    page = show(hub, open_page, SECONDS - 1.5)
    page.get_by_role("slider").press("Space")
    expect(page.locator(".tile-card")).to_contain_text("Camera unreachable")
    wait(page, lambda now: second(hub, now) > SECONDS + GAP_S + 0.5 and now["tracks"][0]["state"] == "playing")
