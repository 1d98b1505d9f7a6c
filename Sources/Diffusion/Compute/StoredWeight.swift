internal import Cores

/// Weights that stay in the checkpoint's file until they are first needed.
protocol StoredWeight: AnyObject, Sendable {
  var bytesInFile: Int { get }
  /// Bytes of the copy in memory; 0 before there is one.
  var residentBytes: Int { get }

  /// Makes a copy in memory of our own now, so that nothing is read from the file later.
  func prepare(_ pool: ComputePool) throws(DiffusionError)
}
