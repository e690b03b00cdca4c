"""Tokens to a tree: the grammar of CEL, by precedence climbing.

Macros are recognised in `macros`, what to say about a token in the wrong place is in `wording`. Depth is bounded while
parsing, so that no text can exhaust the stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from eventflow.match import wording
from eventflow.match.lexer import Token, tokens
from eventflow.match.literals import Malformed, number, text_value
from eventflow.match.macros import expand
from eventflow.match.problems import ExpressionError, Problem, problem
from eventflow.match.syntax import (
    And,
    At,
    Binary,
    Call,
    Choice,
    Const,
    Ident,
    ListOf,
    MapOf,
    Minus,
    Node,
    Not,
    Or,
    Select,
)

if TYPE_CHECKING:
    from collections.abc import Container

_LEVEL: Final = {
    "||": 1, "&&": 2,
    "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "%": 5,
}  # fmt: skip
_WORDS: Final = {"true": True, "false": False, "null": None}
_RESERVED: Final = frozenset(
    (
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
        "loop", "package", "namespace", "return", "var", "void", "while",
    )
)  # fmt: skip
_CLOSING: Final = {"(": ")", "[": "]", "{": "}", "[?": "]", "{?": "}"}
_LITERALS: Final = frozenset(("int", "uint", "float"))


def parse(text: str, *, depth: int = 64, own: Container[str] = ()) -> Node:
    """The tree of an expression. Raises ExpressionError; a syntax error is always the only problem.

    own: names that the environment declares; they may be words that CEL reserves (a workflow's `loop`).
    """
    return _Parser(text, depth, own).whole()


class _Parser:
    def __init__(self, text: str, depth: int, own: Container[str]) -> None:
        self.text = text
        self.own = own
        self.tokens = tokens(text)
        self.at = 0
        self.room = depth

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def fail(self, one: Problem) -> NoReturn:
        raise ExpressionError(self.text, (one,))

    def unexpected(self, expected: str, opener: Token | None = None) -> NoReturn:
        before = self.tokens[self.at - 1] if self.at else None
        self.fail(wording.unexpected(self.text, self.token, before, expected, opener))

    def expect(self, kind: str, opener: Token | None = None) -> Token:
        if self.token.kind != kind:
            self.unexpected(f"'{kind}'", opener)
        return self.take()

    # ------------------------------------------------------------------ the grammar

    def whole(self) -> Node:
        if self.token.kind == "end":
            self.fail(
                problem(
                    self.text, 0, "E304 empty", "the expression is empty", "write a condition, or leave the key out"
                )
            )
        node = self.expression()
        if self.token.kind != "end":
            self.unexpected("an operator or the end")
        return node

    def expression(self) -> Node:
        self.enter()
        node = self.binary(1)
        if self.token.kind == "?":
            self.take()
            yes = self.binary(1) if self.token.kind != "?" else self.unexpected("a value")
            self.expect(":")
            no = self.expression()
            node = Choice(node.start, no.end, node, yes, no)
        self.room += 1
        return node

    def enter(self) -> None:
        self.room -= 1
        if self.room < 0:
            at = self.token.start
            self.fail(
                problem(
                    self.text, at, "E305 too-deep", "the expression is nested too deeply", "split it into smaller ones"
                )
            )

    def operator(self) -> tuple[str, int]:
        token = self.token
        op = "in" if token.kind == "name" and token.text == "in" else token.kind
        return op, _LEVEL.get(op, 0)

    def binary(self, least: int) -> Node:
        left = self.unary()
        while True:
            op, level = self.operator()
            if level < least or level == 0:
                return left
            token = self.take()
            right = self.binary(level + 1)
            if level <= 2:
                left = self.chain(Or if op == "||" else And, left, right)
            else:
                left = Binary(left.start, right.end, op, left, right, token.start)

    @staticmethod
    def chain(form: type[And | Or], left: Node, right: Node) -> Node:
        # `(a && b) && c` is flattened too: the meaning is the same and the tree stays shallow
        terms = [*left.terms, right] if isinstance(left, form) else [left, right]
        return form(left.start, right.end, terms)

    def unary(self) -> Node:
        token = self.token
        if token.kind not in {"!", "-"}:
            return self.member(self.primary())
        self.enter()
        self.take()
        if token.kind == "-" and self.token.kind in _LITERALS:
            literal = self.take()
            self.room += 1
            return self.member(self.constant(literal, token.start, negative=True))
        inner = self.unary()
        self.room += 1
        return (Not if token.kind == "!" else Minus)(token.start, inner.end, inner)

    def member(self, node: Node) -> Node:
        room = self.room
        while True:
            kind = self.token.kind
            if kind in {".", ".?"}:
                node = self.dot(node, self.take())
            elif kind in {"[", "[?"}:
                opener = self.take()
                key = self.expression()
                end = self.expect("]", opener).end
                node = At(node.start, end, node, key, optional=kind == "[?")
            elif kind == "{" and isinstance(node, (Ident, Select)):
                self.fail(wording.message_literal(self.text, node, self.token))
            else:
                self.room = room
                return node
            self.enter()

    def dot(self, node: Node, dot: Token) -> Node:
        token = self.token
        if token.kind == "name":
            self.take()
            if token.text in _WORDS or token.text == "in":
                self.at -= 1
                self.unexpected("a field name")
            if self.token.kind == "(" and dot.kind == ".":
                return self.call(token, node)
            return Select(node.start, token.end, node, token.text, optional=dot.kind == ".?")
        if token.kind == "quoted":
            self.take()
            return Select(node.start, token.end, node, token.text[1:-1], optional=dot.kind == ".?")
        return self.unexpected("a field name")

    def call(self, name: Token, target: Node | None) -> Node:
        opener = self.take()
        args = self.sequence(")", opener)
        end = self.tokens[self.at - 1].end
        node = Call(target.start if target is not None else name.start, end, name.text, target, args, name.start)
        return expand(self.text, node)

    def sequence(self, closing: str, opener: Token) -> list[Node]:
        items: list[Node] = []
        while self.token.kind != closing:
            items.append(self.expression())
            if self.token.kind != closing:
                if self.token.kind != ",":
                    self.unexpected(f"',' or '{closing}'", opener)
                self.take()
                if self.token.kind == closing and closing == ")":
                    self.unexpected("an argument", opener)
        self.take()
        return items

    def primary(self) -> Node:
        token = self.token
        kind = token.kind
        if kind in {"int", "uint", "float", "string", "bytes"}:
            return self.constant(self.take(), token.start)
        if kind == "name":
            return self.name(self.take())
        if kind == ".":
            self.take()
            name = self.expect("name") if self.token.kind == "name" else self.unexpected("a name")
            if self.token.kind == "(":
                return self.call(name, None)
            return Ident(token.start, name.end, name.text, absolute=True)
        if kind == "(":
            self.take()
            node = self.expression()
            self.expect(")", token)
            return node
        if kind in {"[", "[?"}:
            return self.list_literal()
        if kind in {"{", "{?"}:
            return self.map_literal()
        return self.unexpected("a value")

    def name(self, token: Token) -> Node:
        if token.text in _WORDS:
            return Const(token.start, token.end, _WORDS[token.text])
        if (token.text in _RESERVED and token.text not in self.own) or token.text == "in":
            self.at -= 1
            self.unexpected("a value")
        if self.token.kind == "(":
            return self.call(token, None)
        return Ident(token.start, token.end, token.text)

    def constant(self, token: Token, start: int, *, negative: bool = False) -> Node:
        try:
            if token.kind in _LITERALS:
                if negative and token.kind == "uint":
                    return Minus(start, token.end, Const(token.start, token.end, number(token.text, "uint")))
                return Const(start, token.end, number(token.text, token.kind, negative=negative))
            return Const(start, token.end, text_value(token.text))
        except Malformed as wrong:
            self.fail(problem(self.text, token.start + wrong.within, "E306 literal", wrong.message, wrong.hint))

    def list_literal(self) -> Node:
        opener = self.take()
        if opener.kind == "[?":
            self.at -= 1
        items: list[Node] = []
        optionals: list[int] = []
        if self.token.kind == "," and self.tokens[self.at + 1].kind == "]":  # the grammar allows it
            self.take()
        while self.token.kind != "]" or (opener.kind == "[?" and not items):
            if self.token.kind == "?" or (opener.kind == "[?" and not items):
                self.take()
                optionals.append(len(items))
            items.append(self.expression())
            if self.token.kind == ",":
                self.take()
            elif self.token.kind != "]":
                self.unexpected("',' or ']'", opener)
        return ListOf(opener.start, self.take().end, items, optionals)

    def map_literal(self) -> Node:
        start = self.at
        try:
            return self.pairs()
        except ExpressionError:
            following = self.tokens[start + 1]
            if following.kind == "{":  # more likely somebody writes {{ }} than a map whose key is a map
                self.at = start + 1
                self.unexpected("a key")
            raise

    def pairs(self) -> Node:
        opener = self.take()
        if opener.kind == "{?":
            self.at -= 1
        keys: list[Node] = []
        values: list[Node] = []
        optionals: list[int] = []
        if self.token.kind == "," and self.tokens[self.at + 1].kind == "}":
            self.take()
        while self.token.kind != "}" or (opener.kind == "{?" and not keys):
            if self.token.kind == "?" or (opener.kind == "{?" and not keys):
                self.take()
                optionals.append(len(keys))
            keys.append(self.expression())
            self.expect(":", opener)
            values.append(self.expression())
            if self.token.kind == ",":
                self.take()
            elif self.token.kind != "}":
                self.unexpected("',' or '}'", opener)
        return MapOf(opener.start, self.take().end, keys, values, optionals)
