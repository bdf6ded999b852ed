// Chinese is written without spaces, so a query must be cut into words that the
// search index knows. Sphinx's searchtools.js uses this function where it exists.
var splitQuery = (query) => {
  const LONGEST = 16;
  const known = (word) =>
    Object.hasOwn(Search._index.terms, word) ||
    Object.hasOwn(Search._index.titleterms, word);

  // At each place take the longest word of the index, else skip one character.
  const cut = (run) => {
    const words = [];
    let start = 0;
    while (start < run.length) {
      let end = Math.min(run.length, start + LONGEST);
      while (end > start + 1 && !known(run.slice(start, end))) end -= 1;
      if (end > start + 1) words.push(run.slice(start, end));
      start = end;
    }
    return words.length ? words : [run]; // nothing known: let the search say so
  };

  const runs = /\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{Letter}\p{Number}_])+/gu;
  return (query.match(runs) ?? []).flatMap((run) =>
    /\p{Script=Han}/u.test(run) ? cut(run) : [run],
  );
};
