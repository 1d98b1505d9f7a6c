/// The Python names that a state dict's pickle may mention; there are no others.
enum PickleGlobal: Sendable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  case storage(ElementType)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", _):
      guard let type = Self.elementType(storage: name) else { return nil }
      self = .storage(type)
    default: return nil
    }
  }

  private static func elementType(storage name: String) -> ElementType? {
    switch name {
    case "FloatStorage": .float32
    case "HalfStorage": .float16
    case "BFloat16Storage": .bfloat16
    case "DoubleStorage": .float64
    case "LongStorage": .int64
    case "IntStorage": .int32
    case "ShortStorage": .int16
    case "CharStorage": .int8
    case "ByteStorage": .uint8
    case "BoolStorage": .bool
    default: nil
    }
  }
}
