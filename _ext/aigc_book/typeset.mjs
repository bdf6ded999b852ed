// Set formulas and diagrams while the book is built, so that pages need no script for
// them. One request a line, {kind, source, display}; one answer a line, {html | error}.
import { createInterface } from "node:readline";
import { Graphviz } from "@hpcc-js/wasm-graphviz";
import katex from "katex";

const graphviz = await Graphviz.load();
const setters = {
  formula: ({ source, display }) =>
    katex.renderToString(source, { displayMode: display, strict: "ignore" }),
  diagram: ({ source }) => graphviz.dot(source),
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = { html: setters[request.kind](request) };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  console.log(JSON.stringify(answer));
}
