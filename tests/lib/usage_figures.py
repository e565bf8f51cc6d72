#!/usr/bin/env python3
"""What each recorded answer of an OpenAI-compatible provider below DIR says that it used, read without any of the
product's code: one line a recording, in the order of FIGURES. tests/unit/test_usage_fixtures.c compares.
usage_figures.py DIR"""
import json
import os
import sys

FIGURES = ("prompt", "completion", "cached_read", "cache_write", "reasoning", "cache_write_long", "audio_input",
           "audio_output", "image_input", "image_output")
OTHER_DIALECTS = {"anthropic", "gemini", "open-responses", "openai-responses"}


def documents(path):
    with open(path, "rb") as f:
        text = f.read()
    lines = [text] if path.endswith(".json") else text.split(b"\n")
    for line in lines:
        line = line.strip()
        if path.endswith(".sse"):
            if not line.startswith(b"data:"):
                continue
            line = line[5:]
        try:
            one = json.loads(line)
        except ValueError:
            continue
        if isinstance(one, dict):
            yield one


def usage_of(document):
    """The first of the places that has an object."""
    choices = document.get("choices") or [{}]
    for u in (document.get("usage"), (document.get("x_groq") or {}).get("usage"),
              choices[0].get("usage") if isinstance(choices[0], dict) else None):
        if isinstance(u, dict):
            return u
    return None


def first(*values):
    return next((v for v in values if v), 0)


def settle(u):
    """Figures and whether they contradict themselves."""
    ins = u.get("prompt_tokens_details") or u.get("input_tokens_details") or {}
    outs = u.get("completion_tokens_details") or u.get("output_tokens_details") or {}
    made = u.get("cache_creation") or {}
    prompt = first(u.get("prompt_tokens"), u.get("input_tokens"))
    completion = first(u.get("completion_tokens"), u.get("output_tokens"))
    total = u.get("total_tokens") or 0
    reasoning = first(outs.get("reasoning_tokens"), outs.get("thinking_tokens"), u.get("reasoning_tokens"))
    read = first(ins.get("cached_tokens"), u.get("cached_tokens"), u.get("prompt_cache_hit_tokens"),
                 u.get("cache_read_input_tokens"))
    write = first(ins.get("cache_write_tokens"), u.get("cache_creation_input_tokens"))
    odd = False
    if reasoning and total == prompt + completion + reasoning:
        completion += reasoning
    elif reasoning > completion:
        odd = total == prompt + completion
        if odd:
            reasoning = completion
        else:
            completion += reasoning
    if completion == 0 and total > prompt > 0:
        completion = total - prompt
    if read + write > prompt:
        odd = True
        read = min(read, prompt)
        write = min(write, prompt - read)
    return (prompt, completion, read, write, reasoning, made.get("ephemeral_1h_input_tokens") or 0,
            ins.get("audio_tokens") or 0, outs.get("audio_tokens") or 0, ins.get("image_tokens") or 0,
            outs.get("image_tokens") or 0), odd


def main(root):
    for folder, _, names in sorted(os.walk(root)):
        if os.path.relpath(folder, root).split(os.sep)[0] in OTHER_DIALECTS:
            continue
        for name in sorted(names):
            if not name.endswith((".resp.sse", ".resp.chunks.jsonl", ".resp.json")):
                continue
            path = os.path.join(folder, name)
            all_of_it = list(documents(path))
            if not any("choices" in d for d in all_of_it):
                continue  # embeddings, Responses, Converse
            last = None
            for d in all_of_it:
                u = usage_of(d)
                if u and (u.get("prompt_tokens") or u.get("total_tokens")):
                    last = u
            if last:
                figures, odd = settle(last)
                print(path, *figures, int(odd))


main(sys.argv[1])
