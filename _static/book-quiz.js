// A button under each question of a quiz: it says whether the chosen answer is right.
addEventListener("DOMContentLoaded", () => {
  for (const question of document.querySelectorAll(".quiz .question")) {
    const reason = question.querySelector(".reason");
    const button = document.createElement("button");
    const verdict = document.createElement("output");
    button.type = "button";
    button.className = "check";
    button.textContent = "检查";
    verdict.className = "verdict";
    reason.before(button, verdict);

    button.addEventListener("click", () => {
      const chosen = question.querySelector("input:checked");
      const right = chosen?.value === question.dataset.answer;
      question.dataset.state = chosen ? (right ? "right" : "wrong") : "open";
      if (right) reason.open = true;
      verdict.textContent = !chosen
        ? "先选一个答案。"
        : right
          ? "答对了。"
          : "不对。再想一想，或者展开答案。";
    });
    question.addEventListener("change", () => {
      delete question.dataset.state;
      verdict.textContent = "";
    });
  }
  for (const quiz of document.querySelectorAll(".quiz")) {
    quiz.addEventListener("submit", (event) => event.preventDefault());
  }
});
