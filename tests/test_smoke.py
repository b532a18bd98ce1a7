from briefbot.answering import Briefbot


def test_the_fine_on_alibaba_is_answered_with_its_amount(bot: Briefbot) -> None:
    answer = bot.ask("How much was Alibaba fined in April 2021, and by whom?")
    assert "18.228 billion" in answer.text
