// Who one is here, what is left for today, what one did.

import { $, ask, made, safely, when } from "./common.js";

const ACTIONS = {
  login: "登录", "account.add": "建立账号", "account.renew": "换密钥",
  "account.close": "关闭账号", "key.wrong": "密钥错误", "job.ask": "请模型写",
  "job.cancel": "停止任务", "piece.drawn": "保存曲子", "piece.uploaded": "上传",
  "piece.change": "改标题或收藏", "piece.delete": "删除", "piece.restore": "找回",
  "piece.opinion": "评价", "piece.file": "取文件",
};
const ROLES = { admin: "管理员", user: "用户" };
const { account, left } = await ask("GET", "/api/state");

$("who").textContent =
  `${account.name}（${ROLES[account.role]}），今天还可以请模型写 ${left} 次。`;
$("all").hidden = account.role !== "admin";

async function show() {
  const rows = await ask("GET", `/api/audit?everyone=${$("everyone").checked}`);
  $("log").replaceChildren(...rows.map(row => made("tr", {},
    made("td", {}, when(row.at)), made("td", {}, row.name ?? "—"),
    made("td", {}, ACTIONS[row.action] ?? row.action), made("td", {}, row.source))));
}

$("everyone").addEventListener("change", safely(show));
await safely(show)();
document.body.dataset.ready = "yes";
