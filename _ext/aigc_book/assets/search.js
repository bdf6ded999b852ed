// Search the sections of the book (sections.js) as a reader types; no server is asked.
// The index is a MiniSearch over pairs of Chinese characters and Latin words.
{
  const { sections, terms } = window.bookSections;
  const PAIRS = /\p{Script=Han}+|[\p{Letter}\p{Number}_]+/gu;
  // "语言模型" -> 语言 言模 模型; "GPT-2" -> gpt 2
  const tokenize = (text) =>
    (text.toLowerCase().match(PAIRS) ?? []).flatMap((run) =>
      !/\p{Script=Han}/u.test(run) || run.length === 1
        ? [run]
        : Array.from({ length: run.length - 1 }, (_, i) => run.slice(i, i + 2)),
    );
  const plain = (text) => text.toLowerCase().replace(/\s+/g, " ").trim();

  const index = new MiniSearch({
    fields: ["title", "chapterTitle", "text"],
    tokenize,
    processTerm: (term) => term,
  });
  index.addAll(sections.map((section, id) => ({ id, ...section })));

  // The term that a query names, wholly or by its beginning ("attention").
  const termOf = (query) => {
    const asked = plain(query);
    const by = (test) => terms.find(({ names }) => names.some((n) => test(plain(n))));
    return by((name) => name === asked) ?? by((name) => name.startsWith(`${asked} `));
  };
  // 注意力机制 is called 注意力 in a heading.
  const stem = (name) =>
    name.replace(/(?<=..)(机制|模型|网络|方法|算法| mechanism| model| network)$/iu, "");

  // What a section is worth beyond its words: the phrase as written counts, most of all
  // in a heading or where a term is defined, and so does the chapter that treats it.
  const worth = (section, names, chapter) => {
    const title = plain(section.title);
    const text = plain(section.text);
    const has = (where) => names.some((name) => where.includes(plain(name)));
    let factor = { back: 0.4, glossary: 0.2 }[section.kind] ?? 1;
    if (has(title)) factor *= 4;
    else if (names.some((name) => title.includes(plain(stem(name))))) factor *= 3;
    if (has(text)) factor *= 2;
    if (names.some((name) => section.defines.includes(name))) factor *= 3;
    if (chapter && section.chapter === chapter) factor *= 5;
    return factor;
  };

  const find = (query) => {
    const term = termOf(query);
    const names = term?.names ?? [query];
    const boostDocument = (id) => worth(sections[id], names, term?.chapter);
    const options = { boost: { title: 3, chapterTitle: 1.5 }, boostDocument };
    const all = { queries: [query], combineWith: "AND" };
    const any = [...new Set([...names, ...names.map(stem)])].map((name) => ({
      queries: [name],
      combineWith: "AND",
    }));
    const exact = index.search(term ? { queries: any, combineWith: "OR" } : all, options);
    const found = exact.length
      ? exact
      : index.search(query, { ...options, combineWith: "OR" });
    return { found: found.slice(0, 50).map((hit) => sections[hit.id]), names };
  };

  // The words to mark: the phrase where it stands as such, else its longest pieces.
  const pieces = (text, names, query) => {
    const whole = [query, ...names].filter((name) => plain(text).includes(plain(name)));
    if (whole.length) return whole;
    const runs = query.match(PAIRS) ?? [];
    const cuts = runs.flatMap((run) => {
      for (let length = run.length; length > 1; length--) {
        for (let i = 0; i + length <= run.length; i++) {
          const piece = run.slice(i, i + length);
          if (plain(text).includes(piece.toLowerCase())) return [piece];
        }
      }
      return [];
    });
    return cuts;
  };

  const BEFORE = 36;
  const AFTER = 90;
  const snippet = (text, marks) => {
    const places = marks.map((m) => text.toLowerCase().indexOf(m.toLowerCase()));
    const first = Math.min(...places.filter((place) => place >= 0), text.length);
    let start = first === text.length ? 0 : Math.max(0, first - BEFORE);
    // Begin with a sentence where one begins near by.
    const stop = text.slice(start, first).search(/[。！？；]/);
    if (start > 0 && stop >= 0) start += stop + 1;
    const end = Math.min(text.length, start + BEFORE + AFTER);
    const cut = text.slice(start, end);
    return `${start > 0 && stop < 0 ? "…" : ""}${cut}${end < text.length ? "…" : ""}`;
  };

  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const marked = (tag, text, marks) => {
    const element = document.createElement(tag);
    const pattern = new RegExp(`(${marks.map(escaped).join("|") || "(?!)"})`, "giu");
    text.split(pattern).forEach((part, i) => {
      if (i % 2 === 0) return element.append(part);
      const mark = document.createElement("mark");
      mark.textContent = part;
      element.append(mark);
    });
    return element;
  };

  const show = (query) => {
    const list = document.querySelector("#search-results");
    const summary = document.querySelector("#search-summary");
    list.replaceChildren();
    if (!query.trim()) return void (summary.textContent = "");
    const { found, names } = find(query);
    for (const section of found) {
      const marks = pieces(`${section.title} ${section.text}`, names, query);
      const item = document.createElement("li");
      const link = marked("a", section.shown, marks);
      const [page, anchor] = section.address.split("#");
      const highlight = marks[0] ? `?highlight=${encodeURIComponent(marks[0])}` : "";
      link.href = `${page}${highlight}#${anchor}`;
      const place = document.createElement("span");
      place.className = "place";
      place.textContent = section.place;
      item.append(link, place, marked("p", snippet(section.text, marks), marks));
      list.append(item);
    }
    summary.textContent = found.length
      ? `找到 ${found.length} 节`
      : `没有找到“${query}”。换一个词，或者看术语表。`;
  };

  addEventListener("DOMContentLoaded", () => {
    const boxes = document.querySelectorAll("form.bd-search input");
    const query = new URLSearchParams(location.search).get("q") ?? "";
    for (const box of boxes) {
      box.value = query;
      box.addEventListener("input", () => show(box.value));
      box.form.addEventListener("submit", (event) => {
        event.preventDefault();
        history.replaceState(null, "", `?q=${encodeURIComponent(box.value)}`);
        show(box.value);
      });
    }
    show(query);
  });
}
