import Diffusion
import Foundation
import Testing

/// AutoencoderKL looks at the whole picture; it decodes wide ones in parts that overlap.
@Suite("A wide picture of AutoencoderKL is close to the whole")
struct WidePictureTests {
  private func expected(_ name: String) throws -> (values: [Float], shape: [Int]) {
    try Fixture.tensor("wide-pictures.safetensors", name)
  }

  private func decode(_ width: Int, whole: Bool = false) throws -> [Float] {
    let model = try Fixture.model("sd1")
    let latents = try expected("\(width)_latents")
    #expect(latents.shape[1] == width)
    return try model.decode(
      latents.values, height: latents.shape[0], width: width, whole: whole)
  }

  @Test func upToAWidthItIsExact() throws {
    let picture = try decode(128)
    #expect(Fixture.relativeError(picture, try expected("128_picture").values) < 1e-3)
    #expect(try Fixture.model("sd1").info.wholeWidth == 256)
  }

  @Test func beyondItIsClose() throws {
    let whole = try expected("300_picture")
    #expect(Fixture.relativeError(try decode(300, whole: true), whole.values) < 1e-3)
    let picture = try decode(300)
    #expect(picture.count == whole.values.count)
    let error = zip(picture, whole.values).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
    // The pictures' range is 2.
    let psnr = 10 * log10(4 * Double(picture.count) / error)
    #expect(psnr > 26, "\(psnr) dB")
    // Nor does it jump where parts meet.
    let width = whole.shape[1]
    func steps(_ picture: [Float], at column: Int) -> Float {
      (0..<whole.shape[0]).reduce(0) { sum, row in
        let place = 3 * (row * width + column)
        return sum + abs(picture[place] - picture[place - 3])
      }
    }
    for part in 1..<4 {
      let seam = 2 * (300 * part / 4)
      for column in seam - 16...seam + 16 {
        #expect(
          abs(steps(picture, at: column) - steps(whole.values, at: column))
            < 0.15 * Float(whole.shape[0]), "column \(column)")
      }
    }
  }

  /// Parts are counted once, and cancelling ends the work between two of them.
  @Test func progressOfAllParts() throws {
    struct Cancelled: Error {}
    let model = try Fixture.model("sd1")
    let request = DiffusionRequest(
      prompt: "bells", seed: 3, steps: 1, guidanceScale: 1, width: 600, height: 4)
    var decoding: [Int] = []
    _ = try model.generate(request) { progress in
      guard progress.stage == .decoding else { return }
      #expect(progress.step < progress.steps)
      decoding.append(progress.step)
    }
    #expect(decoding == decoding.sorted() && Set(decoding).count > 1)
    #expect(throws: Cancelled.self) {
      try model.generate(request) { progress in
        if progress.stage == .decoding, progress.step > 1 { throw Cancelled() }
      }
    }
  }
}
