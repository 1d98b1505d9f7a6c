internal import Provenance

/// A checkpoint in one file, `.safetensors` or `.ckpt`, in Stable Diffusion's own names: versions 1.x and
/// 2.x, inpainting models among them.
///
/// What shapes do not say is Stable Diffusion's: its schedule with PNDM, ε-prediction but for version 2
/// (see ``predictionType(isSecond:isInpainting:)``), CLIP's vocabulary. `NAME.riff.json` beside
/// `NAME.ckpt` may say otherwise: its `checkpoint` has `unet`, `vae`, `text_encoder` and `scheduler`,
/// each with keys of diffusers' configurations, and `tokenizer`, a folder relative to the file's.
///
/// Averaged weights (`model_ema.`) and the state of a training are not read.
struct SingleFile: CheckpointLayout {
  let path: String
  let pipelineClass = "StableDiffusionPipeline"
  private(set) var warnings: [String] = []
  private let settings: ConfigReader?
  private let unet: LatentDiffusionUNet
  private let autoencoder: LatentDiffusionAutoencoder
  private let textEncoder: LatentDiffusionTextEncoder
  private let globalStep: Int?

  /// Kinds of tensors besides the model's own that files have.
  private static let ignored = [
    "model_ema.", "betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_", "log_one_minus_",
    "posterior_", "lvlb_weights", "logvar", "scale_factor", "cond_stage_model.logit_scale",
    "cond_stage_model.text_projection",
  ]
  private static let prefixes = (
    unet: "model.diffusion_model.", autoencoder: "first_stage_model.", text: "cond_stage_model."
  )
  /// Steps after which Stable Diffusion 2's base model, which predicts ε, was published.
  private static let baseSteps = 875_000

  init(path: String) throws(DiffusionError) {
    self.path = path
    let card = Self.card(of: path)
    settings =
      CheckpointFile.exists(card) ? try ConfigReader(path: card).object("checkpoint") : nil
    let file = try CheckpointFile(path: path)
    let tensors: [StoredTensor]
    switch try Format(of: file) {
    case .safetensors:
      tensors = try SafetensorsFile(file).tensors
      globalStep = nil
    case .torch:
      let state = try TorchFile(file, isTrainingState: true)
      tensors = state.tensors
      globalStep = state.globalStep
      // An error only where the model needs it.
      let wanted = state.unusable.keys.filter { name in
        [Self.prefixes.unet, Self.prefixes.autoencoder, Self.prefixes.text].contains {
          name.hasPrefix($0)
        } && !Self.isIgnored(name)
      }
      if let name = wanted.min(), let reason = state.unusable[name] {
        throw .checkpoint(path, tensor: name, "cannot be read as a tensor: it is \(reason)")
      }
    }
    try Self.refuseOthers(tensors, file: path)
    unet = try LatentDiffusionUNet(
      LatentDiffusionTensors(file: path, prefix: Self.prefixes.unet, tensors))
    autoencoder = try LatentDiffusionAutoencoder(
      LatentDiffusionTensors(file: path, prefix: Self.prefixes.autoencoder, tensors))
    textEncoder = try LatentDiffusionTextEncoder(
      tensors.filter { $0.name.hasPrefix(Self.prefixes.text) && !Self.isIgnored($0.name) },
      file: path, isSecond: unet.isSecond)
    let surplus = tensors.map(\.name).filter { name in
      !Self.isIgnored(name) && !name.hasPrefix(Self.prefixes.unet)
        && !name.hasPrefix(Self.prefixes.autoencoder) && !name.hasPrefix(Self.prefixes.text)
    }
    if let first = surplus.min() {
      let more = surplus.count > 1 ? " and \(surplus.count - 1) more tensors are" : " is"
      warnings.append("\(path): \(first.printable(64))\(more) not part of the model; ignored")
    }
    let known: Set = ["unet", "vae", "text_encoder", "scheduler", "tokenizer"]
    if let warning = settings?.warning(besides: known, of: "checkpoint") {
      warnings.append(warning)
    }
    if unet.isSecond, unet.inChannels != 9, globalStep == nil,
      try settings?.object("scheduler")?.has("prediction_type") != true
    {
      warnings.append(
        "\(path): whether this model of Stable Diffusion 2's kind predicts noise or velocity is not "
          + "said; velocity is assumed. \(card) may say "
          + #"{"checkpoint": {"scheduler": {"prediction_type": "epsilon"}}}"#)
    }
  }

  /// The file that says what the checkpoint's own does not: `NAME.riff.json` beside `NAME.ckpt`.
  static func card(of path: String) -> String {
    let name = path.split(separator: "/").last ?? ""
    guard let stop = name.lastIndex(of: "."), stop > name.startIndex else {
      return "\(path).riff.json"
    }
    return "\(path.dropLast(name.distance(from: stop, to: name.endIndex))).riff.json"
  }

  private static func isIgnored(_ name: String) -> Bool {
    Self.ignored.contains { name.hasPrefix($0) }
  }

  /// Says what a file is that is not Stable Diffusion 1's or 2's.
  private static func refuseOthers(
    _ tensors: [StoredTensor], file: String
  ) throws(DiffusionError) {
    func any(_ test: (String) -> Bool) -> Bool { tensors.contains { test($0.name) } }
    guard
      !any({ $0.hasPrefix(Self.prefixes.unet + "input_blocks.0.0") })
        || any({ $0.hasPrefix("conditioner.embedders.") })
    else { return }
    let kinds: [(String, (String) -> Bool)] = [
      ("a Stable Diffusion XL model", { $0.hasPrefix("conditioner.embedders.") }),
      (
        "a FLUX model",
        { $0.contains("double_blocks.") || $0.contains("single_transformer_blocks.") }
      ),
      ("a Stable Diffusion 3 model", { $0.contains("joint_blocks.") }),
      (
        "a LoRA, which goes beside a model: --lora NAME=FILE",
        { $0.contains(".lora_down.") || $0.contains(".lora_A.") || $0.contains("_lora.down.") }
      ),
      (
        "one part of a model in diffusers' layout, which is a folder with model_index.json",
        { $0.hasPrefix("down_blocks.") || $0.hasPrefix("text_model.") }
      ),
      ("a ControlNet", { $0.hasPrefix("control_model.") }),
    ]
    if let kind = kinds.first(where: { any($0.1) }) {
      throw .checkpoint(
        file, "is \(kind.0); a model in one file is Stable Diffusion 1.x or 2.x")
    }
    throw .checkpoint(
      file, "has no tensors named model.diffusion_model.…, as Stable Diffusion's files have")
  }

  // MARK: - The parts

  func className(of part: CheckpointPartName) throws(DiffusionError) -> String {
    switch part {
    case .unet: "UNet2DConditionModel"
    case .autoencoder: "AutoencoderKL"
    case .textEncoder: "CLIPTextModel"
    case .tokenizer: "CLIPTokenizer"
    case .scheduler: try scheduler().string("_class_name")
    }
  }

  func part(_ part: CheckpointPartName) throws(DiffusionError) -> CheckpointPart {
    let (derived, tensors): (DerivedConfiguration, [StoredTensor]) =
      switch part {
      case .unet: (unet.configuration, unet.named)
      case .autoencoder: (autoencoder.configuration, autoencoder.named)
      case .textEncoder, .tokenizer, .scheduler: (textEncoder.configuration, textEncoder.named)
      }
    return CheckpointPart(
      config: try configuration(part, derived),
      weights: try WeightReader(file: path, tensors: tensors))
  }

  func scheduler() throws(DiffusionError) -> ConfigReader {
    try configuration(
      .scheduler,
      [
        ("_class_name", .string("PNDMScheduler")), ("beta_start", .number(0.00085)),
        ("beta_end", .number(0.012)), ("beta_schedule", .string("scaled_linear")),
        ("num_train_timesteps", .integer(1000)), ("set_alpha_to_one", .bool(false)),
        ("skip_prk_steps", .bool(true)), ("steps_offset", .integer(1)),
        (
          "prediction_type",
          .string(
            predictionType(isSecond: unet.isSecond, isInpainting: unet.inChannels == 9))
        ),
      ])
  }

  /// diffusers' rule: version 2 predicts velocity unless it is the base model, which was published after
  /// 875,000 steps, or an inpainting model.
  private func predictionType(isSecond: Bool, isInpainting: Bool) -> String {
    isSecond && !isInpainting && globalStep != Self.baseSteps ? "v_prediction" : "epsilon"
  }

  func tokenizer(
    maximumLength: Int, vocabularySize: Int
  ) throws(DiffusionError) -> CLIPTokenizer {
    let loader =
      if let folder = try settings?.string("tokenizer", default: ""), !folder.isEmpty {
        CLIPTokenizerLoader(folder: folder.hasPrefix("/") ? folder : "\(parent)/\(folder)")
      } else {
        CLIPTokenizerLoader(padding: unet.isSecond ? "!" : "<|endoftext|>")
      }
    return try loader.load(maximumLength: maximumLength, vocabularySize: vocabularySize)
  }

  private var parent: String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  func fingerprint(_ parts: [Fingerprint]) throws(DiffusionError) -> Fingerprint {
    guard let builder = Fingerprint.Builder() else {
      throw .outOfMemory("not enough memory for a fingerprint")
    }
    builder.append("single file")
    let card = Self.card(of: path)
    if CheckpointFile.exists(card) {
      builder.append(try CheckpointFile(path: card).contents(limit: 1 << 20))
    }
    builder.append(globalStep ?? -1)
    for part in parts { builder.append("\(part)") }
    return builder.fingerprint()
  }

  /// `derived` with what the card says instead; of another class it says all.
  private func configuration(
    _ part: CheckpointPartName, _ derived: DerivedConfiguration
  ) throws(DiffusionError) -> ConfigReader {
    guard let own = try settings?.object(part.rawValue) else {
      return ConfigReader(file: path, object: JSONObject(members: derived))
    }
    let names = Set(own.members.map(\.name))
    let derived = names.contains("_class_name") ? [] : derived
    return ConfigReader(
      file: "\(path), with \(own.file)",
      object: JSONObject(members: derived.filter { !names.contains($0.name) } + own.members))
  }

  /// How the tensors are stored.
  private enum Format {
    case safetensors
    case torch

    init(of file: CheckpointFile) throws(DiffusionError) {
      let start = try file.bytes(0..<min(4, file.size))
      if start == Array("GGUF".utf8) {
        throw .checkpoint(
          file.path,
          "is a GGUF file of quantised weights, which are not read; use the model's .safetensors")
      }
      let isTorch = start.starts(with: [0x50, 0x4B]) || start.starts(with: [0x80, 0x02])
      self = isTorch ? .torch : .safetensors
    }
  }
}
