"""Everything said to clients and operators is said in Chinese too."""

import re
from pathlib import Path

import django.contrib.admin
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation.trans_real import DjangoTranslation

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None, "pgettext_lazy": ((1, "c"), 2)}
IN_TEMPLATES = re.compile(r"{%\s*translate\s+\"([^\"]+)\"")
IN_BLOCKS = re.compile(r"{%\s*blocktranslate[^%]*%}(.*?){%\s*endblocktranslate")
IN_SCRIPTS = re.compile(r"""\bgettext\(\s*(?:'([^']*)'|"([^"]*)")""")
PLACE = re.compile(r"{{ (\w+) }}")


def said() -> set[tuple[str | None, str]]:
    """Every message of the code and the templates, with its context."""
    found: set[tuple[str | None, str]] = set()
    for package in ROOT.glob("*/__init__.py"):
        for _file, _line, message, _comments, context in extract_from_dir(
            package.parent, method_map=[("**/tests/**", "ignore"), ("**.py", "python")], keywords=KEYWORDS
        ):
            found.add((context, message if isinstance(message, str) else message[0]))
    for template in [*ROOT.glob("templates/**/*.html"), *ROOT.glob("*/templates/**/*.html")]:
        text = template.read_text()
        found.update((None, message) for message in IN_TEMPLATES.findall(text))
        found.update((None, PLACE.sub(r"%(\1)s", block)) for block in IN_BLOCKS.findall(text))
    return found


def test_every_message_has_its_chinese():
    with CATALOGUE.open("rb") as file:
        translated = {(message.context, message.id): message.string for message in read_po(file) if message.id}
    assert not {message for message in said() if not translated.get(message)}
    placeholders = re.compile(r"%\(\w+\)[sd]")
    for (_context, message), chinese in translated.items():
        assert sorted(placeholders.findall(message)) == sorted(placeholders.findall(chinese)), message


def test_no_message_stands_twice():
    written = [line for line in CATALOGUE.read_text().splitlines() if line.startswith("msgid ")]
    with CATALOGUE.open("rb") as file:
        assert len(written) - 1 == sum(1 for message in read_po(file) if message.id)


def test_djangos_own_scripts_speak_it_too():
    folder = Path(django.contrib.admin.__file__).parent
    catalogue = DjangoTranslation("zh-hans", domain="djangojs", localedirs=[str(folder / "locale")])
    asked: set[str] = set()
    for script in ("SelectFilter2.js", "actions.js", "admin/DateTimeShortcuts.js"):
        text = (folder / "static" / "admin" / "js" / script).read_text()
        asked.update(single or double for single, double in IN_SCRIPTS.findall(text))
    assert len(asked) > 10
    assert {message for message in asked if catalogue.gettext(message) == message} == set()


def test_the_documents_messages():
    expected = {
        "Signed in": "认证成功",
        "Order prepared": "预下单成功",
        "Submitted": "提交成功",
        "Order placed": "下单成功",
        "Order cancelled": "撤单成功",
        "Position closed": "平仓成功",
        "Done": "操作成功",
        "Invalid parameters": "参数校验错误",
        "Authentication failed": "认证失败",
        "Method not allowed": "请求方法不允许",
        "Too many requests": "请求过多",
        "The operation failed": "操作失败",
    }
    with translation.override("zh-hans"):
        assert {message: gettext(message) for message in expected} == expected
