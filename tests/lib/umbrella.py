"""A product and a line that is true of it, for the tests of the copywriter."""

LINE = "上新：墨绿碳纤维骨架雨伞。一键开合，下车那一秒不淋雨，毕业旅行不再将就。"
FACTS = {
    "品类": "雨伞",
    "颜色": "墨绿",
    "材质": "碳纤维骨架",
    "卖点": ("一键开合",),
    "场景": "毕业旅行",
}
