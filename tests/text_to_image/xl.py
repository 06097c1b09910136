"""A tiny SDXL pipeline with drawn weights: two text encoders, pooled embeddings and sizes."""

from __future__ import annotations

from functools import cache

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from tests.text_to_image.pipelines import pipeline

__all__ = ["xl_pipeline"]


@cache
def xl_pipeline() -> StableDiffusionXLPipeline:
    """In float32; not to be changed."""
    base = pipeline(torch.float32)
    torch.manual_seed(1)
    text = CLIPTextConfig(
        vocab_size=545,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=24,
        eos_token_id=544,
        bos_token_id=543,
        pad_token_id=544,
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32 + 16,
        attention_head_dim=4,
        norm_num_groups=8,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24 + 6 * 8,
    )
    pipe = StableDiffusionXLPipeline(
        vae=AutoencoderKL.from_config(base.vae.config, scaling_factor=0.13025),
        text_encoder=base.text_encoder,
        text_encoder_2=CLIPTextModelWithProjection(text),
        tokenizer=base.tokenizer,
        tokenizer_2=base.tokenizer,
        unet=unet,
        scheduler=base.scheduler,
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )
    pipe.unet.eval()
    pipe.vae.eval()
    pipe.text_encoder_2.eval()
    pipe.set_progress_bar_config(disable=True)
    return pipe
