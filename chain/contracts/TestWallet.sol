// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// A contract wallet of one owner, for trying sign-in by EIP-1271 and payments from a contract.
contract TestWallet {
    // EIP-1271: the four bytes that mean "this signature is mine".
    bytes4 private constant MAGIC = 0x1626ba7e;
    // Half the order of secp256k1: a larger s is the same signature written a second way.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    address public immutable owner;

    error NotOwner();
    error LengthMismatch();

    constructor() {
        owner = msg.sender;
    }

    receive() external payable {}

    /// Makes the calls in order, all of them or none.
    function execute(address[] calldata to, bytes[] calldata data) external {
        if (msg.sender != owner) revert NotOwner();
        if (to.length != data.length) revert LengthMismatch();
        for (uint256 i = 0; i < to.length; i++) {
            (bool done, bytes memory answer) = to[i].call(data[i]);
            if (!done) {
                assembly {
                    revert(add(answer, 32), mload(answer))
                }
            }
        }
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        if (uint256(s) > HALF_ORDER) return 0xffffffff;
        address signer = ecrecover(digest, uint8(signature[64]), r, s);
        return signer == owner ? MAGIC : bytes4(0xffffffff);
    }
}
