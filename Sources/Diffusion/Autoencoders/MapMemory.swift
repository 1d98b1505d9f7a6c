/// Memory of an autoencoder's large maps, given out again as soon as a map is done with: to touch it for the first
/// time takes longer than a pass over it.
///
/// Confined to one run of an encoder or decoder.
final class MapMemory {
  private var free: [FloatStorage] = []

  /// For the largest maps that are there at once: a level's input, and two as its resnets make them. What is not
  /// written to takes no memory. `pixels`, `channels`: of the first level's input; `outputs`: channels of each
  /// level's; a level has four times the pixels of the one before, or a quarter.
  init(pixels: Int, channels: Int, outputs: [Int], growing: Bool) throws(DiffusionError) {
    var (pixels, channels) = (pixels, channels)
    var (largest, output) = (0, 0)
    for out in outputs {
      output = max(output, pixels * out)
      largest = max(largest, pixels * channels, output)
      channels = out
      pixels = growing ? 4 * pixels : pixels / 4
    }
    for size in [largest, output, output] {
      free.append(try FloatStorage(count: size, for: "activations"))
    }
  }

  /// The smallest piece that has room for `count` floats, or a new one.
  func take(_ count: Int) throws(DiffusionError) -> FloatStorage {
    let fitting = free.indices.filter { free[$0].count >= count }
    guard let best = fitting.min(by: { free[$0].count < free[$1].count }) else {
      return try FloatStorage(count: count, for: "activations")
    }
    return free.remove(at: best)
  }

  func giveBack(_ storage: FloatStorage) { free.append(storage) }
}
