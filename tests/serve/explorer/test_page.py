"""The files of the page, as text: what they ask for, and whether it is there."""

import re

import pytest

from lowerbound.serve.explorer.files import files

TEXTS = {name: file.content.decode() for name, file in files().items()}
SCRIPTS = {name: text for name, text in TEXTS.items() if name.endswith(".js")}


def test_nothing_is_asked_of_another_host():
    known = {"http://www.w3.org/2000/svg"}  # the name of SVG
    found = {url for text in TEXTS.values() for url in re.findall(r"https?://[^\s\"'`)]+", text)}
    assert found <= known


def test_the_policy_has_nothing_to_forbid():
    page = TEXTS["index.html"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == [""]
    for name, text in SCRIPTS.items():
        assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|\"style\"", text), name


@pytest.mark.parametrize("name", SCRIPTS)
def test_modules_import_what_there_is(name):
    for names, module in re.findall(r"import \{([^}]*)\} from \"\./([^\"]+)\"", SCRIPTS[name]):
        exported = set(re.findall(r"export (?:async )?(?:function|class|const) (\w+)", SCRIPTS[module]))
        assert {each.strip() for each in names.split(",") if each.strip()} <= exported


def test_every_module_is_imported():
    imported = {each for text in SCRIPTS.values() for each in re.findall(r"from \"\./([^\"]+)\"", text)}
    assert imported | {"main.js"} == set(SCRIPTS)


def test_scripts_find_their_elements():
    there = re.findall(r" id=\"([\w-]+)\"", TEXTS["index.html"])
    asked = {each for text in SCRIPTS.values() for each in re.findall(r"byId\(\"([\w-]+)\"\)", text)}
    assert len(there) == len(set(there))
    assert asked <= set(there)


def test_colours_are_defined():
    defined = set(re.findall(r"(--[\w-]+):", TEXTS["colours.css"]))
    assert set(re.findall(r"var\((--[\w-]+)\)", TEXTS["explorer.css"])) <= defined


def test_every_control_has_a_name():
    page = TEXTS["index.html"]
    for button in re.findall(r"<button[^>]*>.*?</button>", page):
        assert re.search(r">[^<>]+</button>", button)
    for select in re.findall(r"<select id=\"([\w-]+)\"", page):
        assert re.search(rf"<label[^>]*>[^<]+<select id=\"{select}\"", page)
