"""Formulas to numbers of atoms."""
import re


def parse(formula):
    return group(formula, 0)[0]


def group(text, at):
    found = {}
    while at < len(text):
        if text[at] in "([":
            part, at = group(text, at + 1)
        elif text[at] in ")]":
            return found, at + 1
        else:
            element = re.match(r"[A-Z][a-z]?", text[at:])
            if not element:
                at += 1
                continue
            part, at = {element.group(): 1.0}, at + element.end()
        number = re.match(r"\d*\.?\d+", text[at:])
        if number:
            at += number.end()
        for symbol, count in part.items():
            found[symbol] = found.get(symbol, 0) + count * float(number.group() if number else 1)
    return found, at
