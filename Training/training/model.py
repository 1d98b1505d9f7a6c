"""The trained parts, diffusers' UNet and transformers' CLIP text model, and their schedule.

The UNet is an inpainting one: its input channels are the noisy latents, the mask (1 where it
paints) and the latents of the picture with the painted part at 0, in diffusers' order.
"""

from typing import NamedTuple

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextConfig, CLIPTextModel

from . import conditions
from .presets import Architecture
from .reader import Reader

SCHEDULER = dict(
    num_train_timesteps=1000,
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="scaled_linear",
    prediction_type="v_prediction",
    rescale_betas_zero_snr=True,
    timestep_spacing="trailing",
    set_alpha_to_one=True,
    steps_offset=0,
    clip_sample=False,
)


def scheduler() -> DDIMScheduler:
    return DDIMScheduler(**SCHEDULER)


class Words(NamedTuple):
    """What the text encoder makes of prompts."""

    tokens: torch.Tensor  # (n, tokens, width)
    whole: torch.Tensor  # the output at the first end token, (n, width)


def with_kept(noisy: torch.Tensor, mask: torch.Tensor, clean, blank: torch.Tensor) -> torch.Tensor:
    """The UNet's input, (n, 2 * channels + 1, rows, columns).

    `mask` is (n, 1, rows, columns), 1 where it paints; `clean`, like `noisy`, holds what is kept
    where it is 0; `blank`, (channels,), is what an empty patch is encoded to.
    """
    mask = mask.to(noisy.dtype)
    kept = torch.where(mask > 0.5, blank[None, :, None, None].to(noisy.dtype), clean)
    return torch.cat([noisy, mask, kept], 1)


class Model(torch.nn.Module):
    """Text encoder and UNet, trained together; the reader's heads help, and are left behind."""

    def __init__(self, architecture: Architecture, columns: int = 256, bins: int = 256):
        super().__init__()
        a = architecture
        kind = lambda way, attends: f"{'CrossAttn' if attends else ''}{way}Block2D"
        self.unet = UNet2DConditionModel(
            sample_size=(bins // a.patch[0], columns // a.patch[1]),
            in_channels=2 * a.latent_channels + 1,
            out_channels=a.latent_channels,
            block_out_channels=a.channels,
            layers_per_block=a.layers,
            attention_head_dim=a.heads,
            down_block_types=tuple(kind("Down", x) for x in a.attention),
            up_block_types=tuple(kind("Up", x) for x in reversed(a.attention)),
            cross_attention_dim=a.text_width,
            # The prompt as a whole and the numbers join the timestep's embedding.
            addition_embed_type="text_time",
            addition_time_embed_dim=conditions.WIDTH,
            projection_class_embeddings_input_dim=(
                a.text_width + conditions.NUMBERS * conditions.WIDTH
            ),
        )
        self.text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=a.vocabulary,
                hidden_size=a.text_width,
                intermediate_size=4 * a.text_width,
                num_hidden_layers=a.text_layers,
                num_attention_heads=a.text_heads,
                max_position_embeddings=a.tokens,
                projection_dim=a.text_width,
                hidden_act="quick_gelu",
                bos_token_id=a.vocabulary - 2,
                eos_token_id=a.vocabulary - 1,
                pad_token_id=a.vocabulary - 1,
            )
        )

        self.reader = Reader(a.text_width)

    def use_plain_attention(self):
        """Attention as matrix products and a softmax, for CPUs.

        PyTorch's fused kernels save memory that these small maps do not need; their backward pass
        takes several times as long there.
        """
        self.unet.set_attn_processor(AttnProcessor())
        self.text.set_attn_implementation("eager")

    def embed(self, tokens: torch.Tensor) -> Words:
        out = self.text(input_ids=tokens)
        return Words(out.last_hidden_state, out.pooler_output)

    def forward(self, inputs, timesteps, words: Words, numbers: torch.Tensor):
        """The prediction of v from what `with_kept`, `embed` and `conditions` give."""
        told = {"text_embeds": words.whole, "time_ids": numbers}
        out = self.unet(
            inputs, timesteps, encoder_hidden_states=words.tokens, added_cond_kwargs=told
        )
        return out.sample
