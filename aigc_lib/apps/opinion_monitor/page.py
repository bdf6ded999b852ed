"""The page of the monitor: the trend of a topic, its alarms, the latest headlines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...runtime import optional
from .monitor import Monitor
from .trend import Point

ALL = "全部主题"
REFRESH, LOOK = 5.0, 1.0  # seconds, and those until it is ready
SHOWN, DAYS = 20, 120  # headlines, and days of the trend


def figure(points: Sequence[Point]) -> Any:
    """Draw the share of bad headlines with its 95% interval, and where alarms rang."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7, 3), layout="constrained")
    axes = drawn.subplots()
    days = [point.day for point in points]
    low, high = [point.low for point in points], [point.high for point in points]
    axes.fill_between(days, low, high, alpha=0.25, label="95% interval")
    axes.plot(days, [point.share for point in points], label="negative share")
    for point in filter(lambda point: point.alarm, points):
        axes.axvline(point.day, color="C3", linestyle="--")
    axes.set_ylim(0, 1)
    axes.set_ylabel("negative share")
    axes.legend(loc="upper left")
    drawn.autofmt_xdate()
    return drawn


def shown(monitor: Monitor, choice: str) -> tuple[Any, list, list, str]:
    """What the page shows of a topic: figure, alarms, headlines, the counts."""
    topic = None if choice == ALL else choice
    rung = [
        [str(alarm["day"]), alarm["topic"], f"{alarm['share']:.0%}", alarm["n"]]
        for alarm in (monitor.alarms() if monitor.ready else [])
        if topic in (None, alarm["topic"])
    ]
    rows = [
        [
            row["text"],
            row["topic"],
            row["sentiment"],
            "" if row["sure"] is None else f"{row['sure']:.2f}",
            str(row["day"]),
        ]
        for row in monitor.store.latest(SHOWN, topic)
    ]
    counts = monitor.store.counts()
    told = f"共收到 {counts['headlines']:,} 条，{counts['unread']:,} 条等待读取。"
    if not monitor.ready:
        told = f"{monitor.told}。{told}"
    if monitor.feed_failed:
        told += f"标题流读不了，还在重试：{monitor.feed_failed}"
    return figure(monitor.trend(topic, DAYS)), rung, rows, told


def page(monitor: Monitor, note: str = "") -> Any:
    """Return the page as ``gradio.Blocks``; ``note`` says where the headlines are from.

    Raises:
        ModuleNotFoundError: gradio is missing.
    """
    gr = optional("gradio")
    with gr.Blocks(title="舆情监测", analytics_enabled=False) as blocks:
        gr.Markdown(
            f"# 舆情监测\n{note}主题与情感都会读错；报警只说负面比平常多，不说为什么。"
        )
        topic = gr.Dropdown([ALL], value=ALL, label="主题")
        told = gr.Markdown()
        gr.Markdown("每日负面占比：阴影为 95% 区间，竖线为报警。")
        plot = gr.Plot(show_label=False)
        rung = gr.Dataframe(
            headers=["日期", "主题", "负面占比", "条数"],
            label="报警",
            interactive=False,
        )
        latest = gr.Dataframe(
            headers=["标题", "主题", "情感", "把握", "日期"],
            datatype="str",
            label="最近的标题",
            interactive=False,
            wrap=True,
        )

        def show(choice: str) -> tuple:
            return shown(monitor, choice)

        def choices() -> tuple:
            """Offer the topics as soon as they are known, and look no more."""
            if not monitor.ready:
                return gr.skip(), gr.skip()
            known = gr.Dropdown([ALL, *monitor.reader.topics])
            return known, gr.Timer(active=False)

        outputs = [plot, rung, latest, told]
        topic.change(show, topic, outputs)
        gr.Timer(REFRESH).tick(show, topic, outputs)
        blocks.load(show, topic, outputs)
        look = gr.Timer(LOOK)
        look.tick(choices, None, [topic, look])
        blocks.load(choices, None, [topic, look])
    return blocks
