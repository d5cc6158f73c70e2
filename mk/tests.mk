# SPDX-License-Identifier: Apache-2.0
.PHONY: check unit lint
unit: $(UNIT)
	@prove -j2 $(UNIT)
check: all unit
lint:
	@tools/check-includes
	@shellcheck $$(grep -lE '^#!/bin/(ba)?sh' tools/* tests/integration/* 2>/dev/null)
