import Cores
import Diffusion
import Foundation
import Testing

/// AutoencoderKL looks at the whole picture; it encodes and decodes wide ones in parts that overlap.
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

  @Test("the same the other way", arguments: [128, 300])
  func encoding(columns: Int) throws {
    let model = try Fixture.model("sd1")
    let picture = try expected("\(columns)_picture")
    let (height, width) = (picture.shape[0], picture.shape[1])
    let whole = try model.encode(picture.values, height: height, width: width, whole: true)
    let latents = try model.encode(picture.values, height: height, width: width)
    #expect(latents.count == whole.count)
    guard columns > 128 else {
      let isSame = latents == whole
      #expect(isSame)
      return
    }
    let power = whole.reduce(0.0) { $0 + Double($1) * Double($1) }
    let error = zip(latents, whole).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
    let snr = 10 * log10(power / error)
    // 11.84 dB: what the norms of made-up weights see of a part differs from what they see of the whole.
    #expect(snr > 11.6 && snr < 12.1, "\(snr) dB")
  }

  /// Parts compute in the model's precision as wholes do.
  @Test func partsInIntegers() throws {
    var noise = NoiseGenerator(seed: 3)
    let latents = noise.normal(4 * 4 * 300)
    func decode(_ precision: Precision) throws -> [Float] {
      let model = try SoloModel(
        directory: Fixture.path("sd1"), autoencoder: Fixture.path("kl-vae"), threads: 2,
        precision: precision)
      return try model.decode(latents, height: 4, width: 300)
    }
    let error = Fixture.relativeError(try decode(.bf16), try decode(.f32))
    #expect(error > 1e-4 && error < 0.05, "\(error)")
  }

  /// Parts are units of work: other sessions' come between them, cancelling ends the work before the next one,
  /// and the bytes are those of a picture that is made without a break.
  @Test(arguments: ["sd1", "linear-patch"])
  func partsAreUnits(name: String) throws {
    let solo = try Fixture.model(name)
    let columns = 300
    let requests = (1...2).map { seed in
      DiffusionRequest(
        prompt: "bells", seed: UInt64(seed), steps: 1, guidanceScale: 1,
        width: columns * solo.info.widthMultiple, height: 2 * solo.info.heightMultiple)
    }
    let alone = try requests.map { try solo.generate($0) { _ in } }
    let engine = try Engine(threads: 2)
    let seats = requests.indices.map { engine.seat(owner: UInt64($0)) }
    let sessions = try requests.map { try solo.model.begin($0) }
    var units: [DiffusionWork] = []
    while sessions[1].next != nil {
      for (session, seat) in zip(sessions, seats) {
        if session === sessions[0], let unit = session.next { units.append(unit) }
        try session.advance(seat) { _ in }
      }
    }
    let parts = name == "sd1" ? 4 : 5
    let decoding = (0..<parts).map { DiffusionWork.decode(part: $0, parts: parts) }
    #expect(Array(units.suffix(parts)) == decoding)
    for (session, image) in zip(sessions, alone) {
      // Compared outside the expectation, which would print every pixel.
      let isSame = session.image == image
      #expect(isSame)
    }
    let session = try solo.model.begin(requests[0])
    while session.next != .decode(part: 1, parts: parts) {
      try session.advance(seats[0]) { _ in }
    }
    seats[0].cancel()
    #expect(throws: CancellationError.self) { try session.advance(seats[0]) { _ in } }
  }

  /// Patches know nothing of each other; rows of OpenBLAS's products do.
  @Test(.enabled(if: Instructions.best != .portable))
  func patchesAreTheWholesBitByBit() throws {
    let model = try Fixture.model("linear-patch")
    let (height, width) = (2 * model.info.heightMultiple, 300 * model.info.widthMultiple)
    var noise = NoiseGenerator(seed: 2)
    let picture = noise.normal(3 * height * width)
    let latents = try model.encode(picture, height: height, width: width)
    let isSame =
      try model.encode(picture, height: height, width: width, whole: true).map(\.bitPattern)
      == latents.map(\.bitPattern)
    #expect(isSame)
    func decode(whole: Bool) throws -> [UInt32] {
      try model.decode(latents, height: 2, width: 300, whole: whole).map(\.bitPattern)
    }
    let isSamePicture = try decode(whole: true) == decode(whole: false)
    #expect(isSamePicture)
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
