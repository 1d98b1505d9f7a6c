/// Which files of a folder hold a model part's weights, as diffusers looks for them: safetensors
/// before PyTorch's `.bin`, one file before shards named by an index, and the `fp16` variant where
/// there is nothing else.
struct WeightFiles {
  enum Format: String, CaseIterable {
    case safetensors
    case torch = "bin"
  }

  static let mostShards = 256

  /// The one file, or the index.
  let name: String
  let paths: [String]
  private let format: Format
  /// Where the index says that each tensor is; empty without one.
  private let places: [(tensor: String, path: String)]

  /// `stem`: the name without extension, `diffusion_pytorch_model`; `torchStem`: that of a `.bin`.
  init(folder: String, stem: String, torchStem: String) throws(DiffusionError) {
    var tried: [String] = []
    for variant in ["", ".fp16"] {
      for format in Format.allCases {
        let stem = "\(folder)/\(format == .torch ? torchStem : stem)"
        let single = "\(stem)\(variant).\(format.rawValue)"
        if CheckpointFile.exists(single) {
          (name, paths, self.format, places) = (single, [single], format, [])
          return
        }
        let index = "\(stem).\(format.rawValue).index\(variant).json"
        if CheckpointFile.exists(index) {
          let places = try Self.places(index: index, folder: folder)
          (name, self.format, self.places) = (index, format, places)
          paths = Set(places.map(\.path)).sorted()
          return
        }
        tried.append(single)
      }
    }
    throw .checkpoint(
      tried[0], "cannot be read, nor can another form of it (\(torchStem).bin, an index of shards)")
  }

  private static func places(
    index: String, folder: String
  ) throws(DiffusionError) -> [(tensor: String, path: String)] {
    let config = try ConfigReader(path: index, limit: 64 << 20)
    guard let map = try config.object("weight_map") else {
      throw .checkpoint(index, "weight_map is missing")
    }
    var places: [(tensor: String, path: String)] = []
    var names: Set<String> = []
    for (tensor, value) in map.members {
      guard case .string(let name) = value, !name.isEmpty,
        name.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 >= 0x20 })
      else {
        throw .checkpoint(index, tensor: tensor, "its shard is not a file name")
      }
      names.insert(name)
      guard names.count <= mostShards else {
        throw .checkpoint(index, "names more than \(mostShards) shards")
      }
      places.append((tensor, "\(folder)/\(name)"))
    }
    return places
  }

  func open(_ path: String) throws(DiffusionError) -> any TensorFile {
    switch format {
    case .safetensors: try SafetensorsFile(path: path)
    case .torch: try TorchFile(path: path)
    }
  }

  /// Refuses an index that names a tensor where it is not. `path` gives a tensor's file, if any.
  func checkPlaces(_ path: (_ tensor: String) -> String?) throws(DiffusionError) {
    for place in places where path(place.tensor) != place.path {
      throw .checkpoint(name, tensor: place.tensor, "is not in \(place.path), which it names")
    }
  }
}
