/// What is wrong with a request, found all at once rather than one at a time.
public struct RequestFaults: Sendable {
  private var violations: [JobError.Violation] = []
  /// An unknown model or LoRA; NOT_FOUND where nothing else is wrong.
  private var notFound: JobError?

  /// Nothing is wrong so far.
  public init() {}

  /// Notes that a field is wrong; `message` is a sentence that names it and says what would be right.
  public mutating func add(_ field: String, _ message: String) {
    self.violations.append(JobError.Violation(field: field, message: message))
  }

  /// Notes that `value` is outside a range. NaN is outside of all.
  mutating func check<Value: Comparable>(
    _ field: String, _ value: Value?, _ range: ClosedRange<Value>
  ) {
    guard let value, !range.contains(value) else { return }
    self.add(
      field,
      "\(field) must be \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound)), not \(value)"
    )
  }

  /// Notes a place in a clip, in seconds, that cannot be. Written so that NaN fails.
  mutating func checkStart(_ field: String, _ seconds: Double) {
    if !(seconds >= 0 && seconds < .infinity) {
      self.add(field, "\(field) must be 0 or more, not \(seconds)")
    }
  }

  /// Notes an upload's name that is too long.
  public mutating func check(fileName: String) {
    self.check("file_name", fileName, atMost: RequestLimits.fileNameBytes)
  }

  /// Notes a mask's file that is too large.
  mutating func check(mask: [UInt8]) {
    guard mask.count > RequestLimits.maskBytes else { return }
    self.add("mask", "mask must have at most \(RequestLimits.maskBytes) bytes, not \(mask.count)")
  }

  /// Notes text of more bytes than are taken.
  mutating func check(_ field: String, _ text: String, atMost limit: Int) {
    guard text.utf8.count > limit else { return }
    self.add(field, "\(field) must have at most \(limit) bytes, not \(text.utf8.count)")
  }

  /// What `body` returns; what it throws is noted.
  public mutating func value<Value>(
    or fallback: Value, _ body: () throws(JobError) -> Value
  ) -> Value {
    do throws(JobError) {
      return try body()
    } catch {
      switch error.kind {
      case .invalidArgument: self.violations += error.violations
      case .notFound, .failedPrecondition, .resourceExhausted, .abandoned, .internal:
        self.notFound = error
      }
      return fallback
    }
  }

  /// Throws ``JobError`` where something is wrong.
  public func throwIfAny() throws(JobError) {
    guard let first = self.violations.first else {
      if let notFound { throw notFound }
      return
    }
    var violations = self.violations
    if let notFound, let field = notFound.field {
      violations.append(JobError.Violation(field: field, message: notFound.message))
    }
    throw JobError(
      .invalidArgument(field: first.field), first.message, others: Array(violations.dropFirst()))
  }

  /// A number without a fraction that says nothing.
  private static func text(_ value: some Comparable) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
