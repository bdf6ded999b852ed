"""What the assistant says word for word, and the few words it knows by heart."""

from __future__ import annotations

import re

FOR_PEOPLE = {"投诉": "complaint", "转人工": "asked"}  # intents, and why
GREETING = re.compile(
    r"(你好|您好|在吗|在不在|哈喽|嗨|早上好|下午好|晚上好|hi|hello|hey|good (morning|"
    r"afternoon|evening))[\s啊呀哦呢吗，。！？,.!?~～]*",
    re.IGNORECASE,
)
THANKS = re.compile(
    r"(好的?|嗯|知道了|明白了?|ok|okay|great)?[，, ]*"
    r"(谢谢|多谢|感谢|thanks?( you)?|thx)"
    r"[\s你您啦了哦啊呀，。！,.!~～]*",
    re.IGNORECASE,
)
ALSO = re.compile(
    r"^(那|还有|and\b|what about|how about)|呢[？?。！!]*$", re.IGNORECASE
)
SAYS = {
    "zh": {
        "greeting": "您好，我是{shop}的自动客服。请问您想问什么？",
        "thanks": "不客气，还有问题请直接问。",
        "order": "请告诉我订单号，或者订单号的最后四位。",
        "login": "查订单请先登录：订单只给本人看。登录以后再问一次，或者说“转人工”。",
        "no order": "您的账号下没有找到这个订单。请核对订单号，或者说“转人工”。",
        "unknown": "抱歉，本店的资料里没有找到这个问题的答案，我不乱说。"
        "您可以换个说法再问，或者说“转人工”。",
        "handoff": "好的，我把您转给人工客服，前面说过的话都会带上。",
        "sorry": "很抱歉给您带来不好的体验。我把您转给人工客服，前面说过的话都会带上。",
        "disclosure": "回答您的是自动客服（人工智能），{said}",
        "own disclosure": "回答您的是{shop}的自动客服（人工智能），不是真人。",
    },
    "en": {
        "greeting": "Hello, I am the automatic assistant of {shop}. How can I help?",
        "thanks": "You are welcome.",
        "order": "Please tell me the order number, or its last four digits.",
        "login": "Please log in first: an order is shown to its owner alone. Then ask "
        'again, or say "agent".',
        "no order": "I find no such order in your account. Please check the number, or "
        'say "agent".',
        "unknown": "Sorry, I find no answer to this in our information, and I will not "
        'guess. Please ask in other words, or say "agent".',
        "handoff": "All right, I pass you on to a person, with all that was said.",
        "sorry": "I am sorry about that. I pass you on to a person, with all that was "
        "said.",
        "disclosure": "An automatic assistant (AI) answers you, of a made-up shop that "
        "exists for teaching only.",
        "own disclosure": "An automatic assistant (AI) of {shop} answers you.",
    },
}
