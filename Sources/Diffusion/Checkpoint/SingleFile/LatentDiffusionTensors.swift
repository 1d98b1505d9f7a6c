/// The tensors of one part of a file in Stable Diffusion's own names (CompVis' latent-diffusion), by what
/// follows the part's prefix.
struct LatentDiffusionTensors {
  let file: String
  /// `model.diffusion_model.` for instance.
  let prefix: String
  let all: [String: StoredTensor]
  /// Everything that names begin with, up to a full stop.
  private let places: Set<String>

  init(file: String, prefix: String, _ tensors: [StoredTensor]) {
    self.file = file
    self.prefix = prefix
    var all: [String: StoredTensor] = [:]
    var places: Set<String> = []
    for tensor in tensors where tensor.name.hasPrefix(prefix) {
      let name = String(tensor.name.dropFirst(prefix.count))
      all[name] = tensor
      var place = name[...]
      while let stop = place.lastIndex(of: ".") {
        place = place[..<stop]
        guard places.insert(String(place)).inserted else { break }
      }
    }
    self.all = all
    self.places = places
  }

  /// Whether there are tensors below that place, such as `input_blocks.1.1`.
  func has(_ place: String) -> Bool { places.contains(place) || all[place] != nil }

  /// How many places `stem.0`, `stem.1` and so on there are.
  func count(_ stem: String) -> Int {
    var count = 0
    while has("\(stem).\(count)") { count += 1 }
    return count
  }

  /// The extents of a tensor that has `axes` of them.
  func shape(_ name: String, axes: ClosedRange<Int>) throws(DiffusionError) -> [Int] {
    guard let tensor = all[name] else {
      throw .checkpoint(
        file, tensor: prefix + name,
        "is missing; a Stable Diffusion checkpoint in one file has it")
    }
    guard axes.contains(tensor.shape.count) else {
      throw .checkpoint(
        file, tensor: prefix + name,
        "has shape \(tensor.shape), which is not Stable Diffusion's")
    }
    return tensor.shape
  }
}

/// A configuration as diffusers writes it, from what a file's tensors say.
typealias DerivedConfiguration = [(name: String, value: JSONValue)]

extension JSONValue {
  static func integers(_ values: [Int]) -> JSONValue { .array(values.map(JSONValue.integer)) }
  static func strings(_ values: [String]) -> JSONValue { .array(values.map(JSONValue.string)) }
}
