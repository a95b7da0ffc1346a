"""Every template is translated into every language, with the same places; plurals follow the CLDR."""

import gettext
import re

import pytest

from services.narration.catalog import CONTEXT_MARK, DIRECTORY, Catalog
from services.narration.locales import CODES, LOCALES
from tests.narration.lint import faults_of
from tests.narration.templates import Template, fields_of, marked_templates, named_assets

TRANSLATED = [code for code in CODES if code != "en"]
TEMPLATES = marked_templates()
SINGLE = [template for template in TEMPLATES if not template.counted]
COUNTED = [template for template in TEMPLATES if template.counted]
# The forms that stand for one number only, and may say it in a word: "ساعتان" is two hours.
WORDED = {"ar": {"one", "two"}, "en": {"one"}, "de": {"one"}, "pl": {"one"}}
COUNTS = (0, 1, 2, 3, 5, 11, 21, 100, 101, 1_000_000)
FORMS = {
    "en": ("other", "one", "other", "other", "other", "other", "other", "other", "other", "other"),
    "de": ("other", "one", "other", "other", "other", "other", "other", "other", "other", "other"),
    "fr": ("one", "one", "other", "other", "other", "other", "other", "other", "other", "other"),
    "pl": ("many", "one", "few", "few", "many", "many", "many", "many", "many", "many"),
    "ja": ("other",) * 10,
    "ar": ("zero", "one", "two", "few", "few", "many", "many", "other", "other", "other"),
}


def catalog_of(code: str) -> Catalog:
    return LOCALES[code].catalog


def test_there_is_something_to_translate() -> None:
    assert len(SINGLE) > 10
    assert len(COUNTED) > 5


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_template_is_translated_with_its_places(code: str) -> None:
    catalog = catalog_of(code)
    wrong = [
        f"{template.place} {template.one!r}"
        for template in SINGLE
        if fields_of(catalog.single.get(template.one, "{missing}")) != fields_of(template.one)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_counted_template_has_every_form_with_its_places(code: str) -> None:
    wrong = [
        f"{template.place} {tag}: {form!r}"
        for template in COUNTED
        for tag, form in forms_of(template, code)
        if fields_of(form) not in allowed_fields(template, code, tag)
    ]
    assert not wrong, "\n".join(wrong)


def forms_of(template: Template, code: str) -> list[tuple[str, str]]:
    forms = catalog_of(code).counted.get(template.one, ())
    assert len(forms) == len(LOCALES[code].forms), f"{template.place} {template.one!r} has {len(forms)} forms"
    return list(zip(LOCALES[code].forms, forms, strict=True))


def allowed_fields(template: Template, code: str, tag: str) -> list[set[str]]:
    whole = fields_of(template.one if tag == "one" else template.many)
    worded = tag in WORDED.get(code, ())
    return [whole | {"count"}, whole - {"count"}] if worded else [whole | {"count"}]


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_name_is_translated_and_none_is_left_over(code: str) -> None:
    wanted = {f"{context}{CONTEXT_MARK}{name}" for context, name in named_assets()}
    wanted |= {template.one for template in SINGLE}
    assert wanted - set(catalog_of(code).single) == set()
    assert set(catalog_of(code).single) - wanted == set()
    assert set(catalog_of(code).counted) == {template.one for template in COUNTED}


@pytest.mark.parametrize("code", CODES)
def test_counts_take_the_forms_of_the_cldr(code: str) -> None:
    locale = LOCALES[code]
    assert tuple(locale.forms[locale.form(count)] for count in COUNTS) == FORMS[code]


@pytest.mark.parametrize("code", TRANSLATED)
def test_the_rule_in_a_catalog_is_that_of_the_cldr(code: str) -> None:
    rule = re.search(r"plural=([^;]+);", (DIRECTORY / f"{code}.po").read_text())
    assert rule is not None
    of_catalog = gettext.c2py(rule[1])
    assert [of_catalog(count) for count in range(1_200)] == [LOCALES[code].form(n) for n in range(1_200)]


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_catalog_holds_what_cannot_be_heard(code: str) -> None:
    catalog = catalog_of(code)
    texts = [*catalog.single.values(), *(form for forms in catalog.counted.values() for form in forms)]
    # Places are filled with what is heard well anywhere: a number of one digit.
    faults = [fault for text in texts for fault in faults_of(re.sub(r"\{\w+\}", "7", text), code)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_translation_says_a_number_that_the_english_does_not(code: str) -> None:
    catalog = catalog_of(code)
    texts = [
        *catalog.single.items(),
        *((one, form) for one, forms in catalog.counted.items() for form in forms),
    ]
    assert [text for english, text in texts if re.search(r"\d", text) and not re.search(r"\d", english)] == []


def test_no_english_template_holds_what_cannot_be_heard() -> None:
    texts = [text for template in TEMPLATES for text in template.texts]
    faults = [fault for text in texts for fault in faults_of(re.sub(r"\{\w+\}", "7", text), "en")]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("code", ["ja", "ar"])
def test_languages_of_another_script_keep_no_english(code: str) -> None:
    catalog = catalog_of(code)
    texts = [*catalog.single.values(), *(form for forms in catalog.counted.values() for form in forms)]
    assert [text for text in texts if re.search(r"[a-z]{2}", re.sub(r"\{\w+\}", "", text))] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_catalogs_are_sorted_so_that_changes_can_be_read(code: str) -> None:
    ids = re.findall(r'^msgid "(.+)"$', (DIRECTORY / f"{code}.po").read_text(), re.MULTILINE)
    assert len(ids) > 100
    assert ids == sorted(ids)
