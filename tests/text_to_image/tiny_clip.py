"""A tiny CLIP with random weights, made here: nothing is fetched. Seed 10 has cosines of both signs."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

from tests.text_to_image.pipelines import PIPELINE


def save_tiny_clip(folder: Path, seed: int = 10) -> CLIPModel:
    tokenizer = CLIPTokenizer.from_pretrained(PIPELINE / "tokenizer")
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    tokens = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
    tokens |= {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(seed)
    config = CLIPConfig(
        text_config={**tower, **tokens, "max_position_embeddings": 77},
        vision_config={**tower, "image_size": 16, "patch_size": 4},
        projection_dim=8,
    )
    model = CLIPModel(config).eval()
    model.save_pretrained(folder)
    pictures = CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    CLIPProcessor(pictures, tokenizer).save_pretrained(folder)
    return model
