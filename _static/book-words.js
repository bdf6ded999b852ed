// Labels that the theme's templates and scripts have in English only.
addEventListener("DOMContentLoaded", () => {
  const WORDS = {
    "Toggle primary sidebar": "显示或隐藏目录",
    "Toggle secondary sidebar": "显示或隐藏本页目录",
    "Toggle hidden content": "展开或收起",
  };
  for (const [english, chinese] of Object.entries(WORDS)) {
    for (const button of document.querySelectorAll(`[aria-label="${english}"]`)) {
      button.setAttribute("aria-label", chinese);
      button.setAttribute("data-bs-original-title", chinese);
      if (button.title) button.title = chinese;
    }
  }
});
