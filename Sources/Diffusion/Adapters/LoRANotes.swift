/// What a LoRA's file says of its layers besides their tensors: Kohya's `ss_network_alpha`, and PEFT's
/// configuration as diffusers saves it (`lora_adapter_metadata`).
struct LoRANotes {
  private struct Part {
    var alpha: Float?
    var alphas: [(layer: String, alpha: Float)] = []
    var isRankStabilised = false
    var isDoRA = false

    mutating func read(_ key: some StringProtocol, _ value: JSONValue) {
      switch (String(key), value) {
      case ("lora_alpha", _): alpha = LoRANotes.number(value) ?? alpha
      case ("use_rslora", .bool(let flag)): isRankStabilised = flag
      case ("use_dora", .bool(let flag)): isDoRA = flag
      case ("alpha_pattern", .object(let object)):
        for (layer, value) in object.members {
          guard let alpha = LoRANotes.number(value) else { continue }
          alphas.append((LoRAFile.layer(ofWeight: layer), alpha))
        }
      default: break
      }
    }
  }

  /// Whether it scales by the weights' norms, whatever its tensors are called.
  var isDoRA: Bool { unet.isDoRA || textEncoder.isDoRA }
  private var unet = Part()
  private var textEncoder = Part()

  init() {}

  /// `metadata`: of a safetensors file. What cannot be read is passed over, as other readers do.
  init(_ metadata: [String: String]) {
    let common = metadata["ss_network_alpha"].flatMap(Float.init)
    (unet.alpha, textEncoder.alpha) = (common, common)
    guard let text = metadata["lora_adapter_metadata"],
      case .object(let object)? = try? JSONParser.parse(Array(text.utf8))
    else { return }
    for (key, value) in object.members {
      if key.hasPrefix("unet.") {
        unet.read(key.dropFirst("unet.".count), value)
      } else if key.hasPrefix("text_encoder.") {
        textEncoder.read(key.dropFirst("text_encoder.".count), value)
      }
    }
  }

  private static func number(_ value: JSONValue) -> Float? {
    switch value {
    case .integer(let number): Float(number)
    case .number(let number): Float(number)
    default: nil
    }
  }

  /// Nil where nothing is said: then it is the rank.
  func alpha(of place: LoRAFile.Place) -> Float? {
    let (part, name) = self.part(place)
    // A pattern is a layer's name, or the end of it.
    return part.alphas.first { name == $0.layer || name.hasSuffix("_\($0.layer)") }?.alpha
      ?? part.alpha
  }

  /// Whether alpha is divided by the rank's root. Kalajdzievski, 2023 (rsLoRA, arXiv:2312.03732).
  func isRankStabilised(_ place: LoRAFile.Place) -> Bool { part(place).0.isRankStabilised }

  private func part(_ place: LoRAFile.Place) -> (Part, name: String) {
    switch place {
    case .unet(let name): (unet, name)
    case .textEncoder(let name): (textEncoder, name)
    }
  }
}
