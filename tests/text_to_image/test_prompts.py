"""Prompts: the references' embeddings, and SDXL's as its own pipeline has them."""

from __future__ import annotations

import torch

from bdia_edm.text_to_image.prompts import encode_prompts, is_xl
from tests.text_to_image.pipelines import given, pipeline
from tests.text_to_image.xl import xl_pipeline


def test_embeddings_of_the_references() -> None:
    c, u = encode_prompts(pipeline(), "a photo of a red cat", "", (16, 16), "cpu")
    torch.testing.assert_close(c.embeddings, given("emb_source"), rtol=0, atol=1e-6)
    torch.testing.assert_close(u.embeddings, given("emb_uncond"), rtol=0, atol=1e-6)
    assert c.pooled is None


def test_the_same_prompt_is_the_same_object() -> None:
    c, u = encode_prompts(pipeline(), "a cat", "a cat", (16, 16), "cpu")
    assert c is u


def test_sdxl() -> None:
    pipe = xl_pipeline()
    assert is_xl(pipe)
    assert not is_xl(pipeline())
    c, u = encode_prompts(pipe, "a cat", "", (16, 24), "cpu")
    assert c.embeddings.shape == (1, 77, 48)
    assert c.pooled is not None
    assert c.pooled.shape == (1, 24)
    assert c.time_ids is not None
    assert c.time_ids.tolist() == [[16, 24, 0, 0, 16, 24]]
    # Its configuration asks for zeros in the place of the empty prompt.
    assert not u.embeddings.any()
    assert encode_prompts(pipe, "a cat", "a dog", (16, 16), "cpu")[1].embeddings.any()
