extension [ResnetBlock2D] {
  /// An autoencoder's resnets of one level, one after the other; `check` runs before each and ends the
  /// work by throwing. Maps come from `memory`; `x` is not kept.
  func forward(
    _ x: consuming OwnedMap, from memory: MapMemory, _ compute: Compute, check: () throws -> Void
  ) throws -> OwnedMap {
    var x = x
    for resnet in self {
      try check()
      x = try x.withTensor { input in
        let out = try OwnedMap(like: input, channels: resnet.outChannels, from: memory)
        let spare = try OwnedMap(like: input, channels: resnet.outChannels, from: memory)
        try out.withTensor { output in
          try spare.withTensor {
            try resnet.forward(
              input, time: nil, into: output, spare: $0, overwriting: true, compute)
          }
        }
        return out
      }
    }
    return x
  }
}
