"""The report in a real browser: it opens alone, on any screen, in any light, moves when asked to, and prints."""

import re
from itertools import pairwise

import pytest

from tests.sim3d.browser import Browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    session = Browser(tmp_path_factory.mktemp("profile"))
    yield session
    session.close()


@pytest.fixture
def report(reported):
    return reported / "report.html"


@pytest.fixture
def opened(browser, report):
    browser.media()
    browser.width(1200)
    browser.open(report)
    return browser


def test_it_opens_alone_and_says_nothing_to_the_console(opened, report):
    opened.run("for (const each of document.querySelectorAll('details')) each.open = true; scrollTo(0, 1e6)")
    opened.run("document.querySelector('[data-copy]').click()")
    assert opened.run("return window.harmed") is None
    assert opened.console() == []
    assert {each for each in opened.requested() if not each.startswith("data:")} == {report.resolve().as_uri()}


def test_whatever_runs_in_it_cannot_reach_out(opened):
    opened.run("const picture = new Image(); picture.src = 'http://127.0.0.1:9/'; document.body.append(picture)")
    opened.run("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.harmed = 3\" id=trap>x</p>')")
    opened.run("document.getElementById('trap').click()")
    assert opened.run("return window.harmed") is None
    assert any("Content Security Policy" in line for line in opened.console())


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_no_screen_scrolls_sideways(opened, width):
    opened.width(width)
    for state in ("false", "true"):
        opened.run(f"for (const each of document.querySelectorAll('details')) each.open = {state}")
        over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert opened.run(over) == 0


def test_text_can_be_read_in_light_and_in_dark(opened):
    for scheme, bright in (("light", True), ("dark", False)):
        opened.media(prefers_color_scheme=scheme)
        assert (_luminance(opened.run("return getComputedStyle(document.body).backgroundColor")) > 0.5) == bright
        opened.run("for (const each of document.querySelectorAll('details')) each.open = true")
        for what, text, back in opened.run(_TEXTS):
            lighter, darker = sorted((_luminance(text), _luminance(back)), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (scheme, what, text, back)


_TEXTS = """
// Every element with text of its own: its colour, and all backgrounds beneath it laid over one another.
const parse = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
const found = new Map();
for (const element of document.querySelectorAll("body *:not(script, option, title, desc)")) {
  if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
  const style = getComputedStyle(element);
  const layers = [];
  for (let each = element; each; each = each.parentElement) layers.unshift(parse(getComputedStyle(each).backgroundColor));
  const back = layers.reduce((under, [r, g, b, a]) => [r, g, b].map((part, index) => a * part + (1 - a) * under[index]), [255, 255, 255]);
  const colour = element instanceof SVGElement ? style.fill : style.color;
  found.set(`${colour} ${back}`, [element.outerHTML.slice(0, 90), colour, `rgb(${back.join(", ")})`]);
}
return [...found.values()];
"""


def _luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_picture_has_words_and_numbers(opened):
    silent = """return [...document.querySelectorAll("svg")].filter((svg) => !svg.closest('[aria-hidden="true"]') &&
      !(svg.getAttribute("role") === "img" && document.getElementById(svg.getAttribute("aria-labelledby"))?.textContent.trim() &&
        document.getElementById(svg.getAttribute("aria-describedby"))?.textContent.trim())).length"""
    assert opened.run(silent) == 0
    bare = 'return [...document.querySelectorAll("figure")].filter((each) => !each.querySelector("table td")).length'
    assert opened.run(bare) == 0
    assert opened.run('return document.querySelectorAll("figure").length') > 15
    levels = opened.run('return [...document.querySelectorAll("h1,h2,h3")].map((each) => Number(each.tagName[1]))')
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


_PLACES = "return [...document.querySelector('.replay').querySelectorAll('.robot')].map((each) => each.getAttribute('transform'))"

_STARTS = """return [...document.querySelector('.replay').querySelectorAll('.start')]
  .map((each) => [Number(each.getAttribute('cx')), Number(each.getAttribute('cy'))])"""


def test_a_replay_moves_when_it_is_played_and_stands_when_it_is_paused(opened):
    at_end = opened.run(_PLACES)
    opened.run(
        "const all = document.querySelector('.replay'); all.querySelector('.speed').value = '0.25'; all.querySelector('.play').click()"
    )
    opened.wait("document.querySelector('.replay .scrub').value > 4 && (document.querySelector('.replay .play').click(), true)")
    paused = opened.run(_PLACES)
    assert paused != at_end
    assert opened.run("const bar = document.querySelector('.replay .scrub'); return bar.value / bar.max") < 0.9
    opened.run("return new Promise((done) => setTimeout(done, 100))")
    assert opened.run(_PLACES) == paused
    scrub = "const bar = document.querySelector('.replay .scrub'); bar.value = arguments[0]; bar.dispatchEvent(new Event('input'))"
    opened.run(scrub, 0)
    starts = opened.run(_STARTS)
    shown = [[float(part) for part in re.findall(r"[\d.]+", each)] for each in opened.run(_PLACES)]
    assert shown == [pytest.approx(each, abs=0.11) for each in starts]
    opened.run(scrub, 1000)
    assert opened.run(_PLACES) == at_end


def test_a_replay_plays_to_its_end(opened):
    opened.run("document.querySelector('.replay .speed').value = '4'; document.querySelector('.replay .play').click()")
    opened.wait("document.querySelector('.replay .play').textContent === 'Play'")
    assert opened.run("const bar = document.querySelector('.replay .scrub'); return bar.value === bar.max")


def test_who_wants_no_motion_gets_steps(browser, report):
    browser.media(prefers_reduced_motion="reduce")
    browser.open(report)
    browser.run("document.querySelector('.replay .play').click()")
    first = browser.run("return document.querySelector('.replay .scrub').value")
    browser.run("return new Promise((done) => setTimeout(done, 150))")
    assert browser.run("return document.querySelector('.replay .scrub').value") == first != "0"


def test_the_keyboard_reaches_everything(opened):
    """What can be pressed or moved is a control of the browser's own, and has a name."""
    nameless = """return [...document.querySelectorAll("button, input, select, summary, a, [tabindex]")]
      .filter((each) => each.tabIndex < 0 || !(each.textContent.trim() || each.getAttribute("aria-label") || each.labels?.length)).length"""
    assert opened.run(nameless) == 0


def test_without_scripts_the_paths_are_there(opened, report):
    opened.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        opened.open(report)
        opened.devtools("DOM.getDocument", depth=0)

        def count(path):
            return opened.devtools("DOM.performSearch", query=path)["resultCount"]

        replays = count("//figure[@class='replay']")
        assert replays > 0
        # Three robots, in the clean twin, the mission and the other policy.
        assert (
            count("//figure[@class='replay']//*[local-name()='polyline' and @class='trail' and string-length(@points) > 100]")
            == 9 * replays
        )
        assert count("//figure[@class='replay']//div[@class='controls' and @hidden]") == replays
    finally:
        opened.devtools("Emulation.setScriptExecutionDisabled", value=False)


def test_it_prints(opened):
    opened.devtools("Emulation.setEmulatedMedia", media="print")
    opened.width(690)  # of a sheet of A4 between its margins
    assert opened.run("return document.documentElement.scrollWidth") <= 690
    assert opened.run("return getComputedStyle(document.querySelector('.controls')).display") == "none"
    # What is folded away on a screen, and no table of numbers.
    assert opened.run("return document.querySelector('.more .stage').getBoundingClientRect().height") > 50
    assert opened.run("return document.querySelector('figure details').getBoundingClientRect().height") == 0
    opened.devtools("Emulation.setEmulatedMedia", media="")
    printed = opened.pdf()
    assert printed.startswith(b"%PDF-") and len(re.findall(rb"/Type\s*/Page\b", printed)) >= 3
