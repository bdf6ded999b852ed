"""Words of the page that the themes' own Chinese translations leave in English."""

from gettext import NullTranslations

from sphinx.locale import translators

WORDS = {
    "Color mode": "明暗模式",
    "System Settings": "跟随系统",
    "Collapse Sidebar": "收起侧栏",
    "Expand Sidebar": "展开侧栏",
    "Breadcrumb": "所在位置",
    "Launch interactive content": "在线运行",
    "Launch on": "运行于",
    "Source repositories": "源码仓库",
    "Repository": "仓库",
    "Open issue": "报告问题",
    "Back to top": "回到顶部",
    "Skip to main content": "跳到正文",
    "Link to this heading": "这一节的链接",
    "Link to this image": "这幅图的链接",
    "Link to this table": "这张表的链接",
    "Link to this code": "这段代码的链接",
    "Link to this definition": "这条定义的链接",
    "Link to this term": "这个词的链接",
}


class Words(NullTranslations):
    """Asked only where a theme's own catalogue has nothing."""

    def gettext(self, message):
        return WORDS.get(message, message)


def setup(app):
    for catalogue in ("sphinx", "booktheme"):
        translators["general", catalogue].add_fallback(Words())
