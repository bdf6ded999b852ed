// Labels that the theme's templates and scripts have in English only.
addEventListener("DOMContentLoaded", () => {
  const WORDS = {
    "Toggle primary sidebar": "显示或隐藏目录",
    "Toggle secondary sidebar": "显示或隐藏本页目录",
    "Toggle hidden content": "展开或收起",
    "Version warning": "版本提示",
    Main: "全书目录",
    Page: "本页目录",
    Light: "明亮",
    Dark: "黑暗",
    "previous page": "上一页",
    "next page": "下一页",
  };
  for (const name of ["aria-label", "title", "data-bs-original-title", "data-bs-title"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      const word = WORDS[element.getAttribute(name)];
      if (word) element.setAttribute(name, word);
    }
  }
  // These say in words what they are: a label beside the words only contradicts them.
  const spoken = 'summary[aria-label], .search-button-field[aria-label]';
  for (const element of document.querySelectorAll(spoken)) {
    element.removeAttribute("aria-label");
  }
});
